// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/work"
)

// setup brings a pipeline to the state setup and returns its key.
func (b *bench) setup(id core.PipelineID, parameters map[string]any) string {
	b.t.Helper()
	n := request(id)
	n.Config, n.Parameters = "setup: 7", parameters
	b.create(n)
	b.work()
	if p := b.pipeline(id); p.State != core.PipelineSetup || !p.Setup {
		b.t.Fatalf("got state %s, setup %v", p.State, p.Setup)
	}
	key, err := b.svc.ContinuationKey(b.ctx, id)
	if err != nil {
		b.t.Fatalf("asking for the key: %v", err)
	}
	return key
}

func (b *bench) state(id core.PipelineID, want core.PipelineState) {
	b.t.Helper()
	if p := b.pipeline(id); p.State != want {
		b.t.Fatalf("pipeline %s is %s with errors %v, want %s", id, p.State, p.Errors, want)
	}
}

func TestSetupPipelineIsContinued(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		t.Parallel()
		b := newBench(t, open())
		key := b.setup("a", map[string]any{"x": "1"})
		for _, w := range b.workflows.created["a"] {
			if !w.Setup {
				t.Errorf("workflow %s does not know that it is a setup workflow", w.ID)
			}
		}
		before, err := b.svc.PipelineConfig(b.ctx, "a")
		if diff := cmp.Diff(core.PipelineConfig{Setup: "setup: 7", CompiledSetup: "expanded setup: 7"}, before); err != nil || diff != "" {
			t.Error(err, diff)
		}

		c := core.Continuation{Key: key, Config: "workflows: 2", Parameters: map[string]any{"y": float64(2)}}
		p, err := b.svc.ContinuePipeline(b.ctx, c)
		if err != nil || p.State != core.PipelinePending || p.ID != "a" || p.Number != 1 {
			t.Fatalf("got %+v, %v", p, err)
		}
		b.work()
		b.state("a", core.PipelineCreated)
		asked := b.configs.compiled[len(b.configs.compiled)-1]
		want := core.CompileRequest{
			Config: "workflows: 2", Path: "continuation.yml", Continuation: true, OrganizationID: "o",
			Orbs: []core.LockedOrb{{Ref: "acme/go@1", Version: "1.0.0", Digest: "d"}}, Parameters: map[string]any{"x": "1", "y": float64(2)},
			SetupParameters: []core.PipelineParameter{{Name: "n", Default: float64(7)}}, Values: asked.Values,
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
		setups := 0
		for _, w := range b.workflows.created["a"] {
			if w.Setup {
				setups++
			}
		}
		if len(b.workflows.created["a"]) != 3 || setups != 1 {
			t.Errorf("got %d workflows, %d of them of the setup", len(b.workflows.created["a"]), setups)
		}
		after, err := b.svc.PipelineConfig(b.ctx, "a")
		if diff := cmp.Diff(core.PipelineConfig{Source: "workflows: 2", Compiled: "expanded workflows: 2", Setup: "setup: 7", CompiledSetup: "expanded setup: 7"}, after); err != nil || diff != "" {
			t.Error(err, diff)
		}
		// The answer was lost, and the job asks again: also much later.
		b.skipped.Store(int64(7 * time.Hour))
		if p, err := b.svc.ContinuePipeline(b.ctx, c); err != nil || p.State != core.PipelineCreated {
			t.Errorf("the second time: %+v, %v", p, err)
		}
		b.work()
		if len(b.workflows.created["a"]) != 3 {
			t.Errorf("the second call made workflows: %d", len(b.workflows.created["a"]))
		}
	})
}

func TestContinuationKeyIsStoredSealed(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	key := b.setup("a", nil)
	other := b.setup("b", nil)
	if len(key) < 40 || key == other {
		t.Errorf("got keys %q and %q", key, other)
	}
	k, err := continuationOf(b.ctx, b.svc.db, "a")
	if err != nil || strings.Contains(k.KeySealed+k.KeyHash, key) {
		t.Errorf("stored %+v, %v", k, err)
	}
	b.create(request("plain"))
	b.work()
	_, err = b.svc.ContinuationKey(b.ctx, "plain")
	wantCode(t, err, core.CodeNotFound)
}

func TestContinuationIsRefused(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", Default().MaxConfig+1)
	for name, tt := range map[string]struct {
		before func(b *bench, key string)
		change func(c *core.Continuation)
		want   core.Code
	}{
		"an unknown key":  {change: func(c *core.Continuation) { c.Key = "guess" }, want: core.CodeNotFound},
		"no key":          {change: func(c *core.Continuation) { c.Key = "" }, want: core.CodeInvalid},
		"too large":       {change: func(c *core.Continuation) { c.Config = huge }, want: core.CodeInvalid},
		"not text":        {change: func(c *core.Continuation) { c.Config = "a\xff" }, want: core.CodeInvalid},
		"given twice":     {change: func(c *core.Continuation) { c.Parameters = map[string]any{"x": "2"} }, want: core.CodeInvalid},
		"too late":        {before: func(b *bench, _ string) { b.skipped.Store(int64(6 * time.Hour)) }, want: core.CodeConflict},
		"canceled":        {before: func(b *bench, _ string) { _ = b.svc.CancelPipeline(b.ctx, "a") }, want: core.CodeConflict},
		"another already": {before: continued("workflows: 1", nil), want: core.CodeConflict},
		"other parameters already": {
			before: continued("workflows: 2", map[string]any{"y": true}), want: core.CodeConflict,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.Open(t, "pipelines"))
			key := b.setup("a", map[string]any{"x": "1"})
			if tt.before != nil {
				tt.before(b, key)
			}
			state := b.pipeline("a").State
			c := core.Continuation{Key: key, Config: "workflows: 2"}
			if tt.change != nil {
				tt.change(&c)
			}
			_, err := b.svc.ContinuePipeline(b.ctx, c)
			wantCode(t, err, tt.want)
			b.state("a", state)
		})
	}
}

func continued(config string, parameters map[string]any) func(b *bench, key string) {
	return func(b *bench, key string) {
		b.t.Helper()
		if _, err := b.svc.ContinuePipeline(b.ctx, core.Continuation{Key: key, Config: config, Parameters: parameters}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestEmptyContinuationEndsThePipeline(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"", "\n", "{}", "workflows: 0"} {
		b := newBench(t, storetest.Open(t, "pipelines"))
		continued(config, nil)(b, b.setup("a", nil))
		b.work()
		b.state("a", core.PipelineCreated)
		if n := len(b.workflows.created["a"]); n != 1 {
			t.Errorf("%q made workflows: %d with the setup's", config, n)
		}
	}
}

func TestBrokenContinuationIsAnErrorOfThePipeline(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	continued("nonsense", nil)(b, b.setup("a", nil))
	b.work()
	b.state("a", core.PipelineErrored)
	if p := b.pipeline("a"); len(p.Errors) != 1 || p.Errors[0].Type != errorConfig {
		t.Errorf("got errors %v", p.Errors)
	}
	// Its setup workflow may still run.
	if err := b.svc.CancelPipeline(b.ctx, "a"); err != nil {
		t.Fatal(err)
	}
	b.work()
	if !b.workflows.canceled["a"] {
		t.Error("the setup workflow was not canceled")
	}
}

func TestSetupPipelineThatNobodyContinuesEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	b.setup("a", nil)
	b.work()
	b.state("a", core.PipelineSetup)
	b.skipped.Store(int64(6*time.Hour) + 1)
	b.work()
	b.state("a", core.PipelineErrored)
	if p := b.pipeline("a"); len(p.Errors) != 1 || p.Errors[0].Type != "timeout" || !strings.Contains(p.Errors[0].Message, "within 6 hours") {
		t.Errorf("got errors %v", p.Errors)
	}
}

// A job may be so fast that it continues the pipeline before the hand-over of
// its own workflow is done with; and a process may die at any point of it.
func TestContinuationOvertakesTheHandover(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		t.Parallel()
		b := newBench(t, open())
		b.workflows.fault = func() (before, after error) { return nil, core.Errorf(core.CodeUnavailable, "the answer was lost") }
		n := request("a")
		n.Config = "setup: 7"
		b.create(n)
		b.work()
		b.state("a", core.PipelineSetupPending)
		key, err := b.svc.ContinuationKey(b.ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		continued("workflows: 1", nil)(b, key)
		b.workflows.fault = nil
		// The old hand-over has nothing to tell: the plan is to be made yet.
		if err := b.svc.deliver(b.ctx, "a"); err != nil {
			t.Fatal(err)
		}
		b.state("a", core.PipelinePending)
		b.work()
		b.state("a", core.PipelineCreated)
		if n := len(b.workflows.created["a"]); n != 2 {
			t.Errorf("got %d workflows", n)
		}
	})
}

// A worker that compiled the setup config and slept since must not put its plan
// over the continuation.
func TestLateSetupPlanChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	n := request("a")
	n.Config = "setup: 7"
	b.create(n)
	p, err := b.svc.Pipeline(b.ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	late, err := b.svc.prepare(b.ctx, &pipeline{Item: work.Item{ID: string(p.ID)}})
	if err != nil {
		t.Fatal(err)
	}
	b.work()
	key, err := b.svc.ContinuationKey(b.ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	continued("workflows: 2", nil)(b, key)
	if err := b.svc.storeOutcome(b.ctx, "a", late); err != nil {
		t.Fatal(err)
	}
	b.work()
	b.state("a", core.PipelineCreated)
	if n := len(b.workflows.created["a"]); n != 3 {
		t.Errorf("got %d workflows", n)
	}
}

func TestOfTwoContinuationsOneIsFirst(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		t.Parallel()
		b := newBench(t, open())
		key := b.setup("a", nil)
		errs := make([]error, 4)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				_, errs[i] = b.svc.ContinuePipeline(b.ctx, core.Continuation{Key: key, Config: []string{"workflows: 1", "workflows: 2"}[i%2]})
			})
		}
		all.Wait()
		accepted := 0
		for i, err := range errs {
			if err == nil {
				accepted++
			} else if core.ErrorCode(err) != core.CodeConflict {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if accepted != 2 {
			t.Errorf("%d of four calls were accepted, want the two alike: %v", accepted, errs)
		}
	})
}
