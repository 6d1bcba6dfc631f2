// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func TestPipelineBecomesItsWorkflows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		p := b.create(request("a"))
		if p.State != core.PipelinePending || p.Number != 1 || p.Source.Branch != "main" {
			t.Fatalf("got %+v, want pending, number 1, the default branch", p)
		}
		if failed := b.work(); failed != 0 {
			t.Fatalf("%d rows failed", failed)
		}
		p = b.pipeline("a")
		if p.State != core.PipelineCreated || p.Source.Revision != revision || len(p.Errors) > 0 {
			t.Fatalf("got %+v, want created at a revision", p)
		}
		created := b.workflows.created["a"]
		if len(created) != 2 {
			t.Fatalf("got %d workflows, want 2", len(created))
		}
		for _, w := range created {
			if w.Pipeline.Number != 1 || w.Pipeline.Source.Revision != revision || w.Pipeline.Project.Name != "site" {
				t.Errorf("got context %+v", w.Pipeline)
			}
		}
		if asked := b.configs.compiled[0]; asked.OrganizationID != "o" || len(asked.Orbs) > 0 {
			t.Errorf("asked for organization %q with the lock %v", asked.OrganizationID, asked.Orbs)
		}
		var kept config
		if err := b.svc.db.NewSelect().Model(&kept).Where("pipeline_id = ?", "a").Scan(b.ctx); err != nil || len(kept.Orbs.V) != 1 || kept.Orbs.V[0].Digest != "d" {
			t.Errorf("kept the lock %v, %v", kept.Orbs.V, err)
		}
		c, err := b.svc.PipelineConfig(b.ctx, "a")
		if diff := cmp.Diff(core.PipelineConfig{Source: "workflows: 2", Compiled: "expanded workflows: 2"}, c); diff != "" || err != nil {
			t.Error(err, diff)
		}
		values, err := b.svc.PipelineValues(b.ctx, "a")
		if err != nil || values["id"] != "a" || values["git.revision"] != revision || values["git.branch"] != "main" || values["git.branch.is_default"] != true {
			t.Errorf("got values %v, %v", values, err)
		}
	})
}

func TestPipelineEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*core.NewPipeline)
		state  core.PipelineState
		errors []string // "type: text in the message"
		warns  []string
		made   int
	}{
		"config errors": {
			change: func(n *core.NewPipeline) { n.Config = "rubbish" },
			state:  core.PipelineErrored, errors: []string{"config: " + configPath + ":3:7: not a config"},
		},
		"no such branch": {
			change: func(n *core.NewPipeline) { n.Source.Branch = "gone" },
			state:  core.PipelineErrored, errors: []string{"config-fetch: there is no branch gone"},
		},
		"no config file": {
			change: func(n *core.NewPipeline) { n.Source.Branch = "empty" },
			state:  core.PipelineErrored, errors: []string{"config-fetch: there is no " + configPath},
		},
		"no source at all": {
			change: func(n *core.NewPipeline) { n.Project.RepositoryURL = "" },
			state:  core.PipelineErrored, errors: []string{"config-fetch: there is no config: the project has no repository URL"},
		},
		"nothing selected": {
			change: func(n *core.NewPipeline) { n.Config = "workflows: 0" },
			state:  core.PipelineCreated,
		},
		"config given, branch without one": {
			change: func(n *core.NewPipeline) { n.Config, n.Source.Branch = "workflows: 3", "empty" },
			state:  core.PipelineCreated, made: 3,
		},
		"config given, source unreadable": {
			change: func(n *core.NewPipeline) { n.Config, n.Source.Branch = "workflows: 3", "gone" },
			state:  core.PipelineCreated, made: 3, warns: []string{"config-fetch: there is no branch gone"},
		},
		"config given, no source": {
			change: func(n *core.NewPipeline) { n.Config, n.Project.RepositoryURL = "workflows: 1", "" },
			state:  core.PipelineCreated, made: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.Open(t, "pipelines"))
			n := request("a")
			c.change(&n)
			b.create(n)
			if failed := b.work(); failed != 0 {
				t.Fatalf("%d rows failed", failed)
			}
			p := b.pipeline("a")
			if p.State != c.state || len(b.workflows.created["a"]) != c.made {
				t.Errorf("got %s with %d workflows, want %s with %d", p.State, len(b.workflows.created["a"]), c.state, c.made)
			}
			wantErrors(t, "errors", p.Errors, c.errors)
			wantErrors(t, "warnings", p.Warnings, c.warns)
		})
	}
}

func wantErrors(t *testing.T, what string, got []core.PipelineError, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %s %+v, want %v", what, got, want)
	}
	for i, e := range got {
		if text := e.Type + ": " + e.Message; !strings.HasPrefix(text, want[i]) {
			t.Errorf("got %s %q, want %q", what, text, want[i])
		}
	}
}

func TestPipelineWaitsForPeers(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	b.create(request("a"))
	b.configs.set(core.Errorf(core.CodeUnavailable, "away"))
	for range 30 {
		b.work()
	}
	if p := b.pipeline("a"); p.State != core.PipelinePending {
		t.Fatalf("got %s while configs is away, want pending", p.State)
	}
	b.configs.set(nil)
	b.workflows.fault = func() (error, error) { return core.Errorf(core.CodeUnavailable, "away"), nil }
	b.work()
	if p := b.pipeline("a"); p.State != core.PipelinePending {
		t.Fatalf("got %s while workflows is away, want pending", p.State)
	}
	// Done, but the answer is lost: the second delivery names the same workflows.
	b.workflows.fault = func() (error, error) { return nil, errors.New("connection reset") }
	b.work()
	b.workflows.fault = nil
	if failed := b.work(); failed != 0 {
		t.Fatalf("%d rows failed", failed)
	}
	if p := b.pipeline("a"); p.State != core.PipelineCreated || len(b.workflows.created["a"]) != 2 {
		t.Fatalf("got %s with %d workflows, want created with 2", p.State, len(b.workflows.created["a"]))
	}
}

func TestPipelineIsGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	b.create(request("a"))
	b.configs.set(errors.New("a bug"))
	row, err := find(b.ctx, b.svc.db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", "a") })
	if err != nil {
		t.Fatal(err)
	}
	row.Tries = b.svc.cfg.MaxTries - 1
	b.svc.compile(b.ctx, row)
	p := b.pipeline("a")
	if p.State != core.PipelineErrored || len(p.Errors) != 1 || p.Errors[0].Type != errorOther || strings.Contains(p.Errors[0].Message, "bug") {
		t.Errorf("got %+v, want errored without internals", p)
	}
}

func TestNumbersHaveNoGapsNorRaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		services := []*Service{b.svc, b.newService(open())}
		const each, pipelines = 4, 25
		var mu sync.Mutex
		numbers := map[core.PipelineID]map[int64]bool{}
		var wg sync.WaitGroup
		// Each request comes four times at once, over two processes.
		for i := range pipelines * each {
			wg.Go(func() {
				id := core.PipelineID(fmt.Sprintf("p%d", i/each))
				p, err := services[i%2].CreatePipeline(context.Background(), request(id))
				if err != nil {
					t.Errorf("creating %s: %v", id, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if numbers[id] == nil {
					numbers[id] = map[int64]bool{}
				}
				numbers[id][p.Number] = true
			})
		}
		wg.Wait()
		var got []int64
		for id, n := range numbers {
			if len(n) != 1 {
				t.Errorf("pipeline %s was given %d numbers", id, len(n))
			}
			for number := range n {
				got = append(got, number)
			}
		}
		slices.Sort(got)
		for i, n := range got {
			if n != int64(i+1) {
				t.Fatalf("got numbers %v, want 1 to %d", got, pipelines)
			}
		}
	})
}

func TestCancelPipeline(t *testing.T) {
	t.Parallel()
	t.Run("before it is compiled", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, storetest.Open(t, "pipelines"))
		b.create(request("a"))
		b.cancel("a")
		if p := b.pipeline("a"); p.State != core.PipelineCreated || !p.Canceled {
			t.Errorf("got %+v, want created and canceled", p)
		}
		b.work()
		if b.workflows.calls != 0 {
			t.Errorf("workflows heard %d times of a pipeline that never had any", b.workflows.calls)
		}
	})
	t.Run("while its workflows are on their way", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, storetest.Open(t, "pipelines"))
		b.create(request("a"))
		b.workflows.fault = func() (error, error) { return nil, core.Errorf(core.CodeUnavailable, "answer lost") }
		b.work()
		b.workflows.fault = nil
		b.cancel("a")
		if failed := b.work(); failed != 0 || !b.workflows.canceled["a"] {
			t.Errorf("workflows never heard of the cancel (%d failed)", failed)
		}
	})
	t.Run("after", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, storetest.Open(t, "pipelines"))
		b.create(request("a"))
		b.work()
		b.cancel("a")
		b.cancel("a")
		b.work()
		if p := b.pipeline("a"); !b.workflows.canceled["a"] || !p.Canceled {
			t.Error("the cancel did not arrive")
		}
	})
	t.Run("errored", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, storetest.Open(t, "pipelines"))
		n := request("a")
		n.Config = "rubbish"
		b.create(n)
		b.work()
		b.cancel("a")
		if p := b.pipeline("a"); p.State != core.PipelineErrored || p.Canceled {
			t.Errorf("got %+v, want errored as before", p)
		}
		wantCode(t, b.svc.CancelPipeline(b.ctx, "nobody"), core.CodeNotFound)
	})
}

func (b *bench) cancel(id core.PipelineID) {
	b.t.Helper()
	if err := b.svc.CancelPipeline(b.ctx, id); err != nil {
		b.t.Fatalf("canceling: %v", err)
	}
}

func TestListPipelines(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		for i := range 7 {
			n := request(core.PipelineID(fmt.Sprintf("p%d", i)))
			if i%2 == 1 {
				n.Source.Branch = "side"
			}
			if i == 6 {
				n.Project.ID, n.Trigger.Actor.ID = "other", "bob"
			}
			b.create(n)
		}
		for name, c := range map[string]struct {
			filter core.PipelineFilter
			want   []core.PipelineID
		}{
			"all":     {core.PipelineFilter{}, []core.PipelineID{"p6", "p5", "p4", "p3", "p2", "p1", "p0"}},
			"project": {core.PipelineFilter{Project: "p"}, []core.PipelineID{"p5", "p4", "p3", "p2", "p1", "p0"}},
			"branch":  {core.PipelineFilter{Project: "p", Branch: "side"}, []core.PipelineID{"p5", "p3", "p1"}},
			"actor":   {core.PipelineFilter{Actor: "bob"}, []core.PipelineID{"p6"}},
			"nobody":  {core.PipelineFilter{Actor: "eve"}, nil},
		} {
			for _, limit := range []int{0, 1, 2, 3} {
				c.filter.Page.Limit = limit
				if diff := cmp.Diff(c.want, b.listAll(c.filter)); diff != "" {
					t.Errorf("%s by %d: %s", name, limit, diff)
				}
			}
		}
		for _, page := range []core.Page{{Token: "rubbish"}, {Limit: 101}, {Limit: -1}, {Token: strings.Repeat("A", 4096)}} {
			_, err := b.svc.ListPipelines(b.ctx, core.PipelineFilter{Page: page})
			wantCode(t, err, core.CodeInvalid)
		}
	})
}

// listAll turns the pages until the last.
func (b *bench) listAll(f core.PipelineFilter) []core.PipelineID {
	b.t.Helper()
	var ids []core.PipelineID
	for range 100 {
		list, err := b.svc.ListPipelines(b.ctx, f)
		if err != nil {
			b.t.Fatalf("listing: %v", err)
		}
		for _, p := range list.Items {
			ids = append(ids, p.ID)
		}
		if list.Next == "" {
			return ids
		}
		f.Page.Token = list.Next
	}
	b.t.Fatal("the list has no end")
	return nil
}

func TestPipelineByNumberAndUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	b.create(request("a"))
	p, err := b.svc.PipelineByNumber(b.ctx, core.PipelineRef{Project: "p", Number: 1})
	if err != nil || p.ID != "a" {
		t.Errorf("got %+v, %v", p, err)
	}
	_, err = b.svc.PipelineByNumber(b.ctx, core.PipelineRef{Project: "p", Number: 2})
	wantCode(t, err, core.CodeNotFound)
	_, err = b.svc.Pipeline(b.ctx, "b")
	wantCode(t, err, core.CodeNotFound)
	_, err = b.svc.PipelineConfig(b.ctx, "b")
	wantCode(t, err, core.CodeNotFound)
	_, err = b.svc.PipelineValues(b.ctx, "b")
	wantCode(t, err, core.CodeNotFound)
}

func TestCreatePipelineBoundsItsInput(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	for name, change := range map[string]func(*core.NewPipeline){
		"no id":            func(n *core.NewPipeline) { n.ID = "" },
		"no project":       func(n *core.NewPipeline) { n.Project.ID = "" },
		"branch and tag":   func(n *core.NewPipeline) { n.Source.Branch, n.Source.Tag = "main", "v1" },
		"large config":     func(n *core.NewPipeline) { n.Config = strings.Repeat("x", b.svc.cfg.MaxConfig+1) },
		"NUL":              func(n *core.NewPipeline) { n.Config = "a\x00b" },
		"NUL in a fork":    func(n *core.NewPipeline) { n.Source.Fork = "a\x00b" },
		"NUL in an author": func(n *core.NewPipeline) { n.Trigger.PullRequests = []core.PullRequest{{Author: "a\x00b"}} },
		"many pull requests": func(n *core.NewPipeline) {
			n.Trigger.PullRequests = make([]core.PullRequest, core.MaxPullRequests+1)
		},
		"large parameters": func(n *core.NewPipeline) {
			n.Parameters = map[string]any{"a": strings.Repeat("x", b.svc.cfg.MaxParameters)}
		},
	} {
		n := request("a")
		change(&n)
		if _, err := b.svc.CreatePipeline(b.ctx, n); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}

// TestBlockedProjectsStartNothing: what was accepted before stays what it is.
func TestBlockedProjectsStartNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	before := b.create(request("before"))
	for name, block := range map[string]func(*core.Project){
		"project":      func(p *core.Project) { p.Settings.Blocked = true },
		"organization": func(p *core.Project) { p.Organization.Settings.Blocked = true },
	} {
		n := request("new")
		block(&n.Project)
		if _, err := b.svc.CreatePipeline(b.ctx, n); core.ErrorCode(err) != core.CodeForbidden || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want it forbidden", name, err)
		}
		n = request("before")
		block(&n.Project)
		if again, err := b.svc.CreatePipeline(b.ctx, n); err != nil || again.Number != before.Number {
			t.Errorf("%s: the same request again: got %+v, %v", name, again, err)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	n := request("a")
	n.Parameters = map[string]any{"deploy": true}
	b.create(n)
	b.work()
	got := b.configs.compiled[0]
	delete(got.Values, "trigger.received_at")
	want := core.PipelineValues{
		"id": "a", "number": int64(1), "project.git_url": "https://github.com/acme/site", "project.type": "github",
		"trigger_source": "api", "trigger.type": "api", "git.branch": "main", "git.branch.is_default": true,
		"git.revision": revision, "git.repo_owner": "acme", "git.repo_name": "site",
		"git.repo_url": "https://github.com/acme/site", "git.commit.subject": "a change",
		"config.file_path": configPath, "config.sha": revision, "config.ref": "refs/heads/main", "config.file_type": "circleci",
		"config.repository.name": "acme/site", "config.repository.url": "https://github.com/acme/site", "config_source": "github",
		"project.id": "p", "project.slug": "gh/acme/site", "organization.id": "o",
		"event.name": "api", "event.action": "api", "event.circleci_actor_id": "u",
	}
	if diff := cmp.Diff(want, got.Values); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"deploy": true}, got.Parameters); diff != "" {
		t.Error(diff)
	}
}

// TestRun goes through the real loops, and through a restart.
func TestRun(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		for round := range 2 {
			if round == 1 {
				b.svc = b.newService(open())
			}
			// Before the loops run: found without a hint.
			id := core.PipelineID(fmt.Sprintf("early-%d", round))
			b.create(request(id))
			ctx, cancel := context.WithCancel(b.ctx)
			done := make(chan error, 1)
			go func() { done <- b.svc.Run(ctx) }()
			b.awaitWorkflows(id)
			late := core.PipelineID(fmt.Sprintf("late-%d", round))
			b.create(request(late))
			b.awaitWorkflows(late)
			cancel()
			if err := <-done; err != nil {
				t.Fatalf("running: %v", err)
			}
		}
		if err := b.svc.Ready(b.ctx); err != nil {
			t.Errorf("not ready: %v", err)
		}
	})
}

func (b *bench) awaitWorkflows(id core.PipelineID) {
	b.t.Helper()
	for {
		<-b.workflows.told
		b.workflows.mu.Lock()
		n := len(b.workflows.created[id])
		b.workflows.mu.Unlock()
		if n == 2 {
			return
		}
	}
}
