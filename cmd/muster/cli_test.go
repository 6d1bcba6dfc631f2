// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
	"github.com/muster-ci/muster/services/compile/orbs"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"muster": main})
}

// scripts are what pipelines do in the tests, by the name of the folder under
// testdata/cli in which the tests stand.
func scripts() map[string][]gatewaytest.JobScript {
	build := gatewaytest.JobScript{Name: "build", Steps: []gatewaytest.StepScript{
		{Name: "Checkout", Output: "cloning\n"},
		{Name: "Greet", Output: "hello\n\x1b]0;title\x07\x1b[31mworld\x1b[0m\n10%\r20%\r100%\nlast line"},
	}}
	test := gatewaytest.JobScript{Name: "test", Requires: []string{"build"}, Steps: []gatewaytest.StepScript{{Name: "Check", Output: "no\n", ExitCode: 3}}}
	return map[string][]gatewaytest.JobScript{
		"green":    {build},
		"archives": {build},
		"tests":    {build},
		"failing":  {build, {Name: "test", Steps: test.Steps}},
		"red":      {build, test, {Name: "deploy", Requires: []string{"test"}}},
		"approval": {build, {Name: "hold", Approval: true, Requires: []string{"build"}}, {Name: "deploy", Requires: []string{"hold"}, Steps: build.Steps}},
		"stays":    {{Name: "server", Steps: []gatewaytest.StepScript{{Name: "Serve", Output: "listening\n"}}, Stays: true}},
		"lost":     {{Name: "build", Steps: build.Steps[1:], Lost: "node n1 was lost: alloc is lost since its node is down"}},
		"idle":     nil,
		"keys":     nil,
		"stuck":    nil,
		"serial":   {build},
		"orbs":     nil,
	}
}

func TestCLI(t *testing.T) {
	t.Parallel()
	for folder, script := range scripts() {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                 filepath.Join("testdata", "cli", folder),
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
				Setup:               func(env *testscript.Env) error { return installation(env, script) },
			})
		})
	}
}

// wantContinued checks what the script continue.txtar sent.
func wantContinued(t testing.TB, p *gatewaytest.Platform) {
	want := []core.Continuation{{
		Key: "key-p", Config: "version: 2.1\n", Parameters: map[string]any{"place": "world", "count": float64(3), "deploy": true},
	}}
	if diff := cmp.Diff(want, p.Continued()); diff != "" {
		t.Errorf("continued with (-want +got):\n%s", diff)
	}
}

// installation gives each test an installation of its own, a home folder, and a
// git that signs with a fixed name.
func installation(env *testscript.Env, script []gatewaytest.JobScript) error {
	p := gatewaytest.New()
	p.Script = script
	p.CompileResult = core.CompileResult{Processed: "version: 2\njobs: {}\n"}
	if filepath.Base(env.WorkDir) == "script-mistakes" {
		p.CompileResult = core.CompileResult{
			Errors: []core.ConfigError{
				{Message: "the job bild is not defined", Line: 7, Column: 11, Excerpt: "  7 |       - bild\n    |         ^", Suggestion: "did you mean build?"},
				{Message: "the config has no version"},
			},
			Warnings: []core.ConfigError{{Message: "the key notify has no effect", Line: 2, Column: 1}},
		}
	}
	if filepath.Base(env.WorkDir) == "script-logs" {
		p.Usage = &core.ResourceUsage{
			Class: core.UsageLimit{Name: "xlarge", Cores: 8, Memory: 16 << 30}, Interval: time.Minute, Samples: 2,
			CPU: core.UsageStats{Average: 0.75, Peak: 1.5}, Memory: core.UsageStats{Average: 300 << 20, Peak: 1.5 * (1 << 30)},
		}
	}
	if filepath.Base(env.WorkDir) == "script-stuck" {
		p.Stuck = []core.StuckRow{
			{Service: "queue", Table: "reports", ID: "t-1/ended", Tries: 20, LastError: "workflows refuses it"},
			{Service: "output", Table: "attempts", ID: "m-1", Tries: 20, LastError: "the bucket is full"},
		}
	}
	if filepath.Base(env.WorkDir) == "script-serial" {
		holder, since := core.SerialClaim{ProjectSlug: "gh/acme/site", Pipeline: 4, Workflow: "w", Name: "deploy"}, time.Now()
		p.SerialGroups = []core.SerialGroup{{Key: "acme/prod", Holder: &holder, HeldSince: &since, Waiting: []core.SerialClaim{{Name: "deploy"}}}}
	}
	if filepath.Base(env.WorkDir) == "script-archives" {
		p.Files = []gatewaytest.File{{Path: "log", Content: "one\n"}, {Path: "report/index.html", Content: "<html>"}, {Index: 1, Path: "log", Content: "two\n"}}
		p.Caches = []core.Cache{{ID: "c1", Key: "go-2", Size: 7}, {ID: "c2", Key: "npm-1", ExpiresAt: time.Now()}}
	}
	switch filepath.Base(env.WorkDir) {
	case "script-hint-reading":
		p.TestList = core.TestList{Pending: 1}
	case "script-hint", "script-tests":
		p.TestList = core.TestList{Pending: 1, Problems: []core.TestProblem{{Index: 2, File: "x.xml", Message: "it ends in the middle"}}, Items: []core.Test{
			{Name: "adds", ClassName: "Cart", Result: core.TestSuccess, RunTime: 1.25}, {Name: "ships", Result: core.TestSkipped},
			{Name: "total", ClassName: "Cart", File: "cart_test.go", Result: core.TestFailure, RunTime: 0.5, Message: "got 3\nwant 4"}, {Name: "mails", Result: core.TestError},
		}}
		p.Flaky = []core.FlakyTest{{Name: "total", ClassName: "Cart", File: "cart_test.go", Times: 3, JobName: "build", JobNumber: 1, Workflow: "w"}}
	}
	if filepath.Base(env.WorkDir) == "script-continue" {
		if _, err := p.CreatePipeline(context.Background(), core.NewPipeline{ID: "p"}); err != nil {
			return err
		}
		p.Setup("p")
		env.Setenv("CIRCLE_CONTINUATION_KEY", "key-p")
		env.Defer(func() { wantContinued(env.T().(testing.TB), p) })
	}
	var change func(*gateway.Config, *gateway.Deps)
	if strings.HasPrefix(filepath.Base(env.WorkDir), "script-orb") {
		registry, err := realRegistry(env.T().(testing.TB))
		if err != nil {
			return err
		}
		_, err = p.CreateProject(context.Background(), core.Project{Organization: core.Organization{VCS: "gh", Name: "acme"}, Name: "site"})
		if err != nil {
			return err
		}
		change = func(_ *gateway.Config, deps *gateway.Deps) { deps.Peers.Orbs = registry }
	}
	s := gatewaytest.Serve(env.T().(testing.TB), p, change)
	home := filepath.Join(env.WorkDir, "home")
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"),
		"MUSTER_HOST": s.URL, "MUSTER_TOKEN": s.Admin, "USER_TOKEN": s.User,
		"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
		"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
	} {
		env.Setenv(name, value)
	}
	return os.MkdirAll(home, 0o700)
}

// realRegistry is the service itself, ready to answer.
func realRegistry(t testing.TB) (*orbs.Service, error) {
	db := storetest.Open(t, "orbs")
	s, err := orbs.New(orbs.Default(), orbs.Deps{Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, DB: db})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.Ready(ctx) != nil {
		<-tick.C
	}
	return s, nil
}
