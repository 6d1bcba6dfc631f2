// SPDX-License-Identifier: MPL-2.0

package house_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/muster-ci/muster/"
	root   = "../.."
)

// source is one Go file with what it imports. Ours are without the module path.
type source struct {
	path    string // from the root, with slashes
	dir     string
	imports []string
	test    bool
}

// sources parses every Go file of the tree but for the tools' own modules.
func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(root, name)
		relative = filepath.ToSlash(relative)
		if entry.IsDir() && (relative == "tools" || strings.HasPrefix(entry.Name(), ".") && relative != ".") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{path: relative, dir: path.Dir(relative), test: strings.HasSuffix(name, "_test.go")}
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			s.imports = append(s.imports, strings.TrimPrefix(imported, module))
		}
		found = append(found, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 50 {
		t.Fatalf("only %d files found: the rules would check nothing", len(found))
	}
	return found
}

func below(dir string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return dir == r || strings.HasPrefix(dir, r+"/") })
}

// service returns "stage/name" of a path below services, "" for others.
func service(dir string) string {
	parts := strings.Split(dir, "/")
	if len(parts) < 3 || parts[0] != "services" {
		return ""
	}
	return parts[1] + "/" + parts[2]
}

// TestArrowsPointDown is D1 to D3: cmd, then services and agent, then internal
// and hcl, then core, which imports the standard library alone.
func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			if reason := upward(s, imported); reason != "" {
				t.Errorf("%s imports %s: %s", s.path, imported, reason)
			}
		}
	}
}

func upward(s source, imported string) string {
	from, to := service(s.dir), service(imported)
	switch {
	case below(s.dir, "core") && !s.test && strings.Contains(strings.Split(imported, "/")[0], "."):
		return "core imports the standard library only"
	case below(s.dir, "core") && below(imported, "internal", "services", "agent", "hcl", "cmd"):
		return "core imports nothing of ours"
	case from != "" && to != "" && from != to:
		return "a service takes a core interface; cmd hands it a client from internal/remote"
	case below(s.dir, "agent") && to != "":
		return "agent and services share core and internal/wire only"
	case from != "" && below(imported, "agent"):
		return "agent and services share core and internal/wire only"
	case below(s.dir, "internal", "hcl") && !below(s.dir, "internal/house") && (to != "" || below(imported, "agent")):
		return "internal and hcl stand below services and agent"
	case below(imported, "cmd") && !below(s.dir, "cmd"):
		return "nothing imports cmd"
	default:
		return ""
	}
}

// TestLibrariesHaveOneDoor is D6: each library that a seam hides is imported
// where that seam is, and nowhere else.
func TestLibrariesHaveOneDoor(t *testing.T) {
	t.Parallel()
	doors := []struct {
		library string
		dirs    []string
		road    string
	}{
		{"github.com/hashicorp/nomad/api", []string{"hcl/jobspec", "services/dispatch", "internal/bootstrap", "e2e", "internal/testx"}, "ask placements"},
		{"github.com/hashicorp/vault/api", []string{"internal/secrets", "internal/bootstrap", "e2e"}, "use internal/secrets"},
		{"github.com/hashicorp/consul/api", []string{"internal/resolve", "internal/bootstrap", "e2e"}, "use internal/resolve"},
		{"gocloud.dev", []string{"internal/objects"}, "use internal/objects"},
		{"github.com/aws/aws-sdk-go-v2/service/s3", []string{"internal/objects"}, "use internal/objects"},
		{"modernc.org/sqlite", []string{"internal/store"}, "use internal/store"},
		{"github.com/jackc/pgx", []string{"internal/store", "internal/hints", "internal/bootstrap", "e2e"}, "use internal/store"},
		{"github.com/moby/moby", []string{"services/dispatch/placements/cluster"}, "ask placements"},
		{"github.com/spf13/cobra", []string{"cmd"}, "commands live in cmd/muster"},
	}
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			for _, door := range doors {
				if below(imported, door.library) && !below(s.dir, door.dirs...) {
					t.Errorf("%s imports %s: only %s may; %s", s.path, imported, strings.Join(door.dirs, ", "), door.road)
				}
			}
			if below(imported, "github.com/gin-gonic/gin") && !strings.HasSuffix(path.Base(s.path), "http.go") && !s.test && s.dir != "internal/httpx" {
				t.Errorf("%s imports gin: only files called http.go or *_http.go may", s.path)
			}
		}
	}
}

// TestLicence asks for the SPDX line on top of every file.
func TestLicence(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if line := firstLine(t, s.path); line != "// SPDX-License-Identifier: MPL-2.0" {
			t.Errorf("%s begins with %q, not with the SPDX line", s.path, line)
		}
	}
}
