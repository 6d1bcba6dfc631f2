// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/module"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/services/compile/configs"
	"github.com/muster-ci/muster/services/coordinate/pipelines"
	"github.com/muster-ci/muster/services/coordinate/workflows"
)

// queued is a queue that shows what comes into it.
type queued struct {
	core.Queue // the methods that are not called here
	core.Serials
	tasks chan core.QueuedTask
}

func (q queued) Enqueue(ctx context.Context, tasks []core.QueuedTask) error {
	for _, t := range tasks {
		select {
		case q.tasks <- t:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// TestAPullRequestReachesItsTasks takes the event of a forge through pipelines,
// configs and workflows to what an agent is told of its task.
func TestAPullRequestReachesItsTasks(t *testing.T) {
	t.Parallel()
	const config = `version: 2.1
jobs:
  build:
    docker: [{image: "cimg/base:stable"}]
    steps:
      - run: echo << pipeline.event.github.pull_request.number >> into << pipeline.event.github.pull_request.base.ref >>
workflows: {main: {jobs: [build]}}
`
	folder := committed(t, config)
	q := queued{tasks: make(chan core.QueuedTask, 1)}
	p, w := coordinated(t, q)
	trigger := core.Trigger{
		Type: core.TriggerWebhook, Event: core.EventPullRequest, Action: "opened", ReceivedAt: time.Unix(1_800_000_000, 0).UTC(),
		PullRequests: []core.PullRequest{{
			Number: 7, URL: "https://github.com/acme/site/pull/7", Title: "Mend it", Author: "octocat",
			Base: core.BranchTip{Branch: "main"}, Head: core.BranchTip{Branch: "topic"},
		}, {Number: 9, URL: "https://github.com/acme/site/pull/9"}},
	}
	made, err := p.CreatePipeline(t.Context(), core.NewPipeline{
		ID: core.PipelineID(core.NewID()), Trigger: trigger,
		Source: core.Source{Branch: "topic", Fork: "octocat/site"},
		Project: core.Project{
			ID: "p", Name: "site", RepositoryURL: folder, Organization: core.Organization{ID: "o", VCS: "gh", Name: "acme"},
		},
	})
	if err != nil || made.Number != 1 {
		t.Fatalf("got %+v, %v", made, err)
	}
	var task core.QueuedTask
	select {
	case task = <-q.tasks:
	case <-time.After(roundTimeout):
		p, err := p.Pipeline(t.Context(), made.ID)
		t.Fatalf("no task came; the pipeline is %+v, %v", p, err)
	}
	specs, err := w.TaskSpecs(t.Context(), []core.TaskID{task.ID})
	if err != nil {
		t.Fatal(err)
	}
	got := specs[0].Pipeline
	if diff := cmp.Diff(trigger, got.Trigger); diff != "" {
		t.Errorf("trigger (-want +got):\n%s", diff)
	}
	if got.Source.Fork != "octocat/site" || len(got.Source.Revision) != 40 {
		t.Errorf("got source %+v", got.Source)
	}
	if command := specs[0].Plan.Steps[0].Run.Command; command != "echo 7 into main" {
		t.Errorf("got the command %q", command)
	}
}

// committed makes a repository of one commit with a config on the branch topic.
func committed(t *testing.T, config string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, ".circleci"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".circleci", "config.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "topic"}, {"add", "."},
		{"-c", "user.name=ann", "-c", "user.email=ann@example.com", "commit", "-q", "-m", "A fork's [skip ci] does not count"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return folder
}

// coordinated starts pipelines, configs and workflows in front of a queue.
func coordinated(t *testing.T, q queued) (*pipelines.Service, *workflows.Service) {
	t.Helper()
	logger, near := hclog.NewNullLogger(), hints.NewLocal()
	keys, err := secrets.NewKeyset(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	local := configs.Default()
	local.AllowLocalRepositories = true
	c, err := configs.New(local, configs.Deps{Logger: logger, Clock: time.Now, DB: storetest.Open(t, "configs")})
	if err != nil {
		t.Fatal(err)
	}
	w, err := workflows.New(workflows.Default(), workflows.Deps{
		Logger: logger, Clock: time.Now, DB: storetest.Open(t, "workflows"), Hints: near, Queue: q, Serials: q,
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipelines.New(pipelines.Default(), pipelines.Deps{
		Logger: logger, Clock: time.Now, NewID: core.NewID, DB: storetest.Open(t, "pipelines"), Hints: near,
		Peers: pipelines.Peers{Configs: c, Workflows: w}, Sealer: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	parts := []module.Module{
		{Name: "configs", Run: c.Run, Ready: c.Ready}, {Name: "workflows", Run: w.Run, Ready: w.Ready}, {Name: "pipelines", Run: p.Run, Ready: p.Ready},
		{Name: "ready", Run: func(ctx context.Context) error {
			close(ready)
			<-ctx.Done()
			return nil
		}},
	}
	go func() { done <- module.Run(ctx, logger, parts) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("starting: %v", err)
	}
	return p, w
}
