// SPDX-License-Identifier: MPL-2.0

package convert_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/hcl/pipeline/convert"
	"github.com/muster-ci/muster/internal/config"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// A golden pair shows where comments go; the file with them still compiles to
// the plan of the config.
func TestCommentsGolden(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/comments.yml")
	if err != nil {
		t.Fatal(err)
	}
	got, problems := convert.FromYAML(string(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if *update {
		if err := os.WriteFile("testdata/comments.hcl", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/comments.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("comments.hcl differs; `go test ./hcl/pipeline/convert -update` rewrites it\n%s", diff)
	}
	same(t, "testdata/comments.yml")
}

// Every comment of every config that is converted is in its HCL, and once.
func TestNoCommentIsLost(t *testing.T) {
	t.Parallel()
	paths := []string{"testdata/comments.yml"}
	for _, folder := range []string{"valid", "projects", "documented", "warned"} {
		more, _ := filepath.Glob(filepath.Join("../../../internal/config/testdata", folder, "*.yml"))
		paths = append(paths, more...)
	}
	kept := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		commented := commentedEverywhere(string(text))
		written, problems := convert.FromYAML(commented)
		if len(problems) > 0 {
			continue // it has no HCL
		}
		want, got := numbers(commented), numbers(written)
		kept += len(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-config +hcl):\n%s\n%s", path, diff, written)
		}
	}
	if kept < 1000 {
		t.Errorf("only %d comments were kept", kept)
	}
}

var (
	ours = regexp.MustCompile(`#nr\d+;`)
	head = regexp.MustCompile(`^ *(- )*[a-z_-]+:`)
	tail = regexp.MustCompile(`^ *(- )*[a-z_]+: [a-z_]+$`)
)

// commentedEverywhere puts numbered comments above and behind the lines of a
// text where YAML surely takes them for comments.
func commentedEverywhere(text string) string {
	var b strings.Builder
	block := -1 // the indentation of the key whose block of text this is
	for i, line := range strings.Split(text, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if strings.TrimSpace(line) == "" || block >= 0 && indent > block {
			b.WriteString(line + "\n")
			continue
		}
		block = -1
		if strings.HasSuffix(line, "|") || strings.HasSuffix(line, ">") || strings.HasSuffix(line, "-") {
			block = indent
		}
		if head.MatchString(line) {
			fmt.Fprintf(&b, "%*s#nr%d;\n", indent, "", 2*i)
		}
		if tail.MatchString(line) {
			line += fmt.Sprintf(" #nr%d;", 2*i+1)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// numbers returns our comments of a text in order.
func numbers(text string) []string {
	found := ours.FindAllString(text, -1)
	slices.Sort(found)
	return found
}

// A config that does not compile has no HCL, whatever is wrong with it.
func TestABrokenConfigIsToldSo(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob("../../../internal/config/testdata/invalid/*.yml")
	if len(paths) == 0 {
		t.Fatal("no broken configs")
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		convert.FromYAML(string(text))
	}
	_, problems := convert.FromYAML("version: 2.1\njobs: {build: {machine: true, steps: [when: {steps: []}]}}\n")
	if len(problems) != 1 || !strings.Contains(problems[0].Suggestion, "muster config validate") {
		t.Errorf("got %v", problems)
	}
}

// FuzzComments looks for texts whose comments make the HCL another pipeline or
// none.
func FuzzComments(f *testing.F) {
	for _, pattern := range []string{"../../../internal/config/testdata/valid/*.yml", "testdata/*.yml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text), "a comment")
		}
	}
	f.Fuzz(func(t *testing.T, text, comment string) {
		plain, problems := convert.FromYAML(text)
		if len(problems) > 0 || strings.ContainsAny(comment, "\r\n\x00\u0085\u2028\u2029") || !utf8.ValidString(comment) {
			return
		}
		written, problems := convert.FromYAML(text + "\n# " + comment)
		if len(problems) > 0 {
			return
		}
		without, _ := pipeline.Compile(t.Context(), core.CompileRequest{Config: plain}, config.Options{})
		with, _ := pipeline.Compile(t.Context(), core.CompileRequest{Config: written}, config.Options{})
		if diff := cmp.Diff(without.Plan, with.Plan); diff != "" {
			t.Fatalf("%s\n%v\n%s", diff, with.Errors, written)
		}
	})
}
