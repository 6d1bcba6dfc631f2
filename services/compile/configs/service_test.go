// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

const valid = `
version: 2.1
jobs:
  build: {machine: true, steps: [run: echo << pipeline.git.revision >>]}
workflows:
  main: {jobs: [build: {filters: {branches: {only: main}}}]}
`

// running returns a service whose loops run until the test ends.
func running(t *testing.T, db *store.DB, change func(*Config, *Deps)) *Service {
	t.Helper()
	cfg, deps := Default(), Deps{Logger: hclog.NewNullLogger(), Clock: time.Now, DB: db, Metrics: prometheus.NewRegistry()}
	if change != nil {
		change(&cfg, &deps)
	}
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	eventually(t, func() bool { return s.Ready(context.Background()) == nil })
	return s
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ask() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come true")
		}
	}
}

// outcomes counts what happened, compilations and fetches.
func outcomes(s *Service, outcome string) int {
	var total int
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.metrics.compile, s.metrics.fetch)
	families, _ := registry.Gather()
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == outcome {
				total += int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return total
}

func TestTheSameConfigIsCompiledOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "configs", func(t *testing.T, open func() *store.DB) {
		s := running(t, open(), nil)
		request := core.CompileRequest{Config: valid, Values: core.PipelineValues{"git.branch": "main", "git.revision": "abc", "number": 1}}
		compile := func(s *Service) core.CompileResult {
			t.Helper()
			result, err := s.Compile(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			return result
		}
		first := compile(s)
		if first.Plan == nil || first.Plan.Workflows[0].Jobs[0].Steps[0].Run.Command != "echo abc" {
			t.Fatalf("got %+v", first)
		}
		// What the config does not read makes no difference.
		request.Values["number"] = 2
		eventually(t, func() bool { return cmp.Equal(first, compile(s)) && outcomes(s, "remembered") > 0 })
		before := outcomes(s, "compiled")

		request.Values["git.revision"] = "def"
		if got := compile(s); got.Plan.Workflows[0].Jobs[0].Steps[0].Run.Command != "echo def" || outcomes(s, "compiled") != before+1 {
			t.Errorf("another revision: got %+v", got)
		}
		request.Values["git.revision"] = "abc"
		request.Values["git.branch"] = "other"
		if got := compile(s); len(got.Plan.Workflows) != 0 {
			t.Errorf("another branch: got %+v", got)
		}
		request.Values["git.branch"] = "main"
		other := running(t, open(), nil)
		if diff := cmp.Diff(first, compile(other)); diff != "" || outcomes(other, "remembered") != 1 {
			t.Errorf("another process: %s", diff)
		}
	})
}

func TestMistakesAreRememberedToo(t *testing.T) {
	t.Parallel()
	s := running(t, storetest.Open(t, "configs"), nil)
	eventually(t, func() bool {
		result, err := s.Compile(context.Background(), core.CompileRequest{Config: "version: 4\n"})
		return err == nil && len(result.Errors) == 1 && result.Errors[0].Line == 1 && outcomes(s, "remembered") > 0
	})
}

// The name of a file says which language it is in.
func TestPipelinesInHCL(t *testing.T) {
	t.Parallel()
	s := running(t, storetest.Open(t, "configs"), nil)
	text := "job \"build\" {\n  machine = true\n  step \"run\" { command = \"make\" }\n}\nworkflow \"main\" {\n  job \"build\" {}\n}\n"
	for path, good := range map[string]bool{"": false, ".circleci/config.yml": false, ".muster/pipeline.hcl": true} {
		result, err := s.Compile(context.Background(), core.CompileRequest{Config: text, Path: path})
		if err != nil || (result.Plan != nil) != good {
			t.Errorf("%q: got a plan %v, %v, %v", path, result.Plan != nil, result.Errors, err)
		}
	}
}

func TestOldResultsAreForgotten(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, "configs")
	s := running(t, db, nil)
	count := func() int64 {
		n, err := db.NewSelect().Model((*compiledRow)(nil)).Count(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if _, err := s.Compile(context.Background(), core.CompileRequest{Config: valid}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return count() == 1 })
	later := running(t, db, func(_ *Config, d *Deps) {
		d.Clock = func() time.Time { return time.Now().Add(25 * time.Hour) }
	})
	eventually(t, func() bool { return count() == 0 })
	if result, err := later.Compile(context.Background(), core.CompileRequest{Config: valid}); err != nil || result.Plan == nil {
		t.Errorf("got %v, %v", result, err)
	}
}

func TestFetchThenCompile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@b")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	if err := os.MkdirAll(filepath.Join(folder, ".circleci"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".circleci", "config.yml"), []byte(valid), 0o644); err != nil {
		t.Fatal(err)
	}
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("bundle", "create", "-q", "x.bundle", "--all")

	s := running(t, storetest.Open(t, "configs"), func(c *Config, d *Deps) {
		c.AllowLocalRepositories = true
		d.Bundles = func(_ context.Context, key string) (io.ReadCloser, error) {
			return os.Open(filepath.Join(folder, key))
		}
	})
	for _, source := range []core.Source{{RepositoryURL: folder, Branch: "main"}, {Bundle: "x.bundle", Branch: "main"}} {
		fetched, err := s.Fetch(context.Background(), core.FetchRequest{Source: source})
		if err != nil || len(fetched.Errors) > 0 || fetched.Source.Revision != git("rev-parse", "HEAD") {
			t.Fatalf("got %+v, %v", fetched, err)
		}
		values := core.PipelineValues{"git.branch": fetched.Source.Branch, "git.revision": fetched.Source.Revision}
		result, err := s.Compile(context.Background(), core.CompileRequest{Config: fetched.Config, Values: values})
		if err != nil || result.Plan == nil {
			t.Errorf("got %+v, %v", result, err)
		}
	}
	if n := outcomes(s, "found"); n != 2 {
		t.Errorf("got %d fetches in the metrics, want 2", n)
	}
}

func TestAnEndedContextIsNotAnAnswer(t *testing.T) {
	t.Parallel()
	s := running(t, storetest.Open(t, "configs"), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Compile(ctx, core.CompileRequest{Config: valid}); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("Compile: got %v", err)
	}
	if _, err := s.Fetch(ctx, core.FetchRequest{Source: core.Source{RepositoryURL: "http://127.0.0.1:1/x"}}); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("Fetch: got %v", err)
	}
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"fetch_timeout":    func(c *Config) { c.FetchTimeout = "soon" },
		"keep_compiled":    func(c *Config) { c.KeepCompiled = "-1h" },
		"max_config_bytes": func(c *Config) { c.MaxConfigBytes = 0 },
		"fetches":          func(c *Config) { c.Fetches = 0 },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
