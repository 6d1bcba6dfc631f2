// SPDX-License-Identifier: MPL-2.0

package house_test

import (
	"bufio"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func firstLine(t *testing.T, name string) string {
	t.Helper()
	file, err := os.Open(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan()
	return lines.Text()
}

// folders returns the services by their folders, as "stage/name".
func folders(t *testing.T) []string {
	t.Helper()
	matches, err := filepath.Glob(filepath.Join(root, "services", "*", "*", "service.go"))
	if err != nil || len(matches) == 0 {
		t.Fatalf("finding services: %v, %d found", err, len(matches))
	}
	var found []string
	for _, match := range matches {
		found = append(found, service(filepath.ToSlash(strings.TrimPrefix(filepath.Dir(match), root+string(filepath.Separator)))))
	}
	return found
}

// TestOneNameInAllPlaces is N1: folder, package, target, Nomad job, Consul
// service and the file of the job carry one name.
func TestOneNameInAllPlaces(t *testing.T) {
	t.Parallel()
	rows := tableRows(t)
	for _, folder := range folders(t) {
		stage, name, _ := strings.Cut(folder, "/")
		if !slices.Contains(rows, folder) {
			t.Errorf("services/%s is not in cmd/muster/services.go", folder)
		}
		source, err := os.ReadFile(filepath.Join(root, "services", stage, name, "service.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^package ` + name + `$`).Match(source) {
			t.Errorf("services/%s: the package is not called %s", folder, name)
		}
		job, err := os.ReadFile(filepath.Join(root, "jobs", name+".nomad.hcl"))
		if err != nil {
			t.Errorf("services/%s has no job file: %v", folder, err)
			continue
		}
		for _, want := range []string{`job "` + name + `" {`, `group "` + name + `" {`, `task "` + name + `" {`, `name     = "` + name + `"`, `-target=` + name + `"`} {
			if !strings.Contains(string(job), want) {
				t.Errorf("jobs/%s.nomad.hcl does not have %q", name, want)
			}
		}
	}
	if len(rows) != len(folders(t)) {
		t.Errorf("cmd/muster/services.go has %d rows for %d folders", len(rows), len(folders(t)))
	}
}

// TestEndToEndKnowsAllServices holds the list of services that the end-to-end
// tests deploy, measure and kill against the table.
func TestEndToEndKnowsAllServices(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "e2e", "cluster", "jobs.go"))
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^var Services = .*$`).FindString(string(text))
	var listed, want []string
	for _, match := range regexp.MustCompile(`"([a-z]+)"`).FindAllStringSubmatch(list, -1) {
		listed = append(listed, match[1])
	}
	for _, row := range tableRows(t) {
		want = append(want, path.Base(row))
	}
	slices.Sort(listed)
	slices.Sort(want)
	if !slices.Equal(listed, want) {
		t.Errorf("e2e/cluster.Services has %v, cmd/muster/services.go has %v", listed, want)
	}
}

// tableRows reads THE table as text, so that its order can be checked too.
func tableRows(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "cmd", "muster", "services.go"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, match := range regexp.MustCompile(`(?m)^\t\{"([a-z]+)", "([a-z]+)", "`).FindAllSubmatch(text, -1) {
		rows = append(rows, string(match[1])+"/"+string(match[2]))
	}
	if !slices.IsSorted(rows) {
		t.Errorf("the table is not in the order of the data path: %v", rows)
	}
	return rows
}

// TestJobFilesHaveOneShape compares the job files of the services after their
// own words are taken out: each block that one has must be a block of the
// others or one of the known differences.
func TestJobFilesHaveOneShape(t *testing.T) {
	t.Parallel()
	must := []string{"namespace = \"muster\"", "auto_revert       = true", "provider = \"consul\"", "path     = \"/ready\"",
		"aud         = [\"muster-control\"]", "role        = \"muster-service\"", "memory_max", "kill_timeout = \"20s\""}
	secrets := regexp.MustCompile(`(?i)(password|token|secret)\s*=\s*"[^"{$]+"`)
	for _, folder := range folders(t) {
		_, name, _ := strings.Cut(folder, "/")
		text, err := os.ReadFile(filepath.Join(root, "jobs", name+".nomad.hcl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range must {
			if !strings.Contains(string(text), want) {
				t.Errorf("jobs/%s.nomad.hcl lacks %s", name, want)
			}
		}
		if leak := secrets.Find(text); leak != nil {
			t.Errorf("jobs/%s.nomad.hcl holds a secret: %s", name, leak)
		}
	}
}

// TestEveryPackageSaysWhatItIs asks for a package comment.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}\t{{.Doc}}", module+"...").Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		dir, doc, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if goFiles, _ := filepath.Glob(filepath.Join(dir, "*.go")); doc == "" && slices.ContainsFunc(goFiles, func(f string) bool { return !strings.HasSuffix(f, "_test.go") }) {
			t.Errorf("%s has no package comment", dir)
		}
	}
}
