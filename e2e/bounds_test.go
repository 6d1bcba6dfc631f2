// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/agent/supervise"
	"github.com/muster-ci/muster/services/coordinate/pipelines"
	"github.com/muster-ci/muster/services/coordinate/workflows"
	"github.com/muster-ci/muster/services/dispatch/placements"
	"github.com/muster-ci/muster/services/gather/output"
)

// TestPromisedBounds holds the defaults to what docs/outages.md promises of them.
func TestPromisedBounds(t *testing.T) {
	t.Parallel()
	agent := supervise.Config{Addresses: []string{"http://output"}, IdentityFile: "identity"}
	if err := agent.Validate(); err != nil {
		t.Fatal(err)
	}
	if agent.SpoolBytes < 512<<20 {
		t.Errorf("an agent spools %d bytes before a build waits, want 512 MiB at least", agent.SpoolBytes)
	}
	for name, got := range map[string]time.Duration{
		"an agent tries for its work":           agent.ClaimFor,
		"an agent tries to deliver what it has": agent.Linger,
	} {
		if got < 10*time.Minute {
			t.Errorf("%s for %s, want 10 minutes at least", name, got)
		}
	}
	for name, got := range map[string]time.Duration{
		"pipelines": pipelines.Default().Poll, "workflows": workflows.Default().Poll, "output": output.Default().Poll,
	} {
		if got <= 0 || got > 5*time.Second {
			t.Errorf("%s finds after %s what nobody hinted at, want 5 s at most", name, got)
		}
	}
	if got := placements.Default().PurgeDelay; got < 45*time.Second {
		t.Errorf("placements removes after %s an allocation that has not ended, want more than the 30 s and 10 s that its containers have to heed SIGTERM", got)
	}
	if got := placements.Default().Relist; got <= 0 || got > time.Minute {
		t.Errorf("placements compares with the cluster every %s, want a minute at most", got)
	}
}

// TestOutagesNamesTests: docs/outages.md names no test that is not there.
func TestOutagesNamesTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "outages.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := os.ReadFile(path)
		all.Write(file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)((?:/\\w+)*)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 30 {
		t.Fatalf("found %d names of tests", len(named))
	}
	for _, name := range named {
		if !strings.Contains(all.String(), "func "+name[1]+"(") {
			t.Errorf("there is no test %s", name[1])
		}
		for part := range strings.SplitSeq(strings.TrimPrefix(name[2], "/"), "/") {
			if part != "" && !strings.Contains(all.String(), `{"`+part+`", test`) {
				t.Errorf("%s has no part %s", name[1], part)
			}
		}
	}
}
