// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// fakeConfigs has one file per branch and compiles "workflows: N" to N
// workflows, "setup: N" to a setup plan that declares the parameter N, and
// anything else to an error.
type fakeConfigs struct {
	mu       sync.Mutex
	files    map[string]string // by branch
	err      error             // of both methods
	compiled []core.CompileRequest
	change   func(*core.Plan) // of what is compiled; may be nil
	// fetch answers in place of files; may be nil.
	fetch func(context.Context, core.FetchRequest) (core.FetchResult, error)
}

const revision = "0123456789012345678901234567890123456789"

func (f *fakeConfigs) Fetch(ctx context.Context, r core.FetchRequest) (core.FetchResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return core.FetchResult{}, f.err
	}
	if f.fetch != nil {
		return f.fetch(ctx, r)
	}
	result := core.FetchResult{Source: r.Source}
	file, ok := f.files[r.Source.Branch]
	if !ok {
		result.Errors = []core.ConfigError{{Message: "there is no branch " + r.Source.Branch}}
		return result, nil
	}
	result.Source.Revision, result.Source.Subject = revision, "a change"
	if file == "" {
		result.Errors = []core.ConfigError{{Message: "there is no " + configPath}}
	}
	result.Config = file
	return result, nil
}

func (f *fakeConfigs) Compile(_ context.Context, r core.CompileRequest) (core.CompileResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return core.CompileResult{}, f.err
	}
	f.compiled = append(f.compiled, r)
	var n int
	plan := &core.Plan{}
	var declared []core.PipelineParameter
	if _, err := fmt.Sscanf(r.Config, "setup: %d", &n); err == nil {
		plan.Setup, declared, n = true, []core.PipelineParameter{{Name: "n", Default: n}}, 1
	} else if _, err := fmt.Sscanf(r.Config, "workflows: %d", &n); err != nil {
		return core.CompileResult{Errors: []core.ConfigError{{Message: "not a config", File: configPath, Line: 3, Column: 7}}}, nil
	}
	for i := range n {
		plan.Workflows = append(plan.Workflows, core.WorkflowPlan{
			Name: fmt.Sprintf("w%d", i), Jobs: []core.JobPlan{{Name: "build", Type: core.JobBuild}},
		})
	}
	if f.change != nil {
		f.change(plan)
	}
	locked := []core.LockedOrb{{Ref: "acme/go@1", Version: "1.0.0", Digest: "d"}}
	return core.CompileResult{Plan: plan, Processed: "expanded " + r.Config, Parameters: declared, Orbs: locked}, nil
}

func (f *fakeConfigs) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// fakeWorkflows keeps what it was told; fault makes it fail before or after.
type fakeWorkflows struct {
	core.Workflows // the methods that are not called here

	mu       sync.Mutex
	created  map[core.PipelineID]map[core.WorkflowID]core.NewWorkflow
	canceled map[core.PipelineID]bool
	over     map[core.PipelineID]time.Time
	calls    int
	fault    func() (before, after error)
	told     chan struct{} // holds a hint after each call
}

func newFakeWorkflows() *fakeWorkflows {
	return &fakeWorkflows{
		created:  map[core.PipelineID]map[core.WorkflowID]core.NewWorkflow{},
		canceled: map[core.PipelineID]bool{}, over: map[core.PipelineID]time.Time{}, told: make(chan struct{}, 1),
	}
}

func (f *fakeWorkflows) call(do func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	var before, after error
	if f.fault != nil {
		before, after = f.fault()
	}
	if before == nil {
		do()
	} else {
		after = before
	}
	select {
	case f.told <- struct{}{}:
	default:
	}
	return after
}

func (f *fakeWorkflows) CreateWorkflows(_ context.Context, ws []core.NewWorkflow) error {
	return f.call(func() {
		for _, w := range ws {
			of := f.created[w.Pipeline.ID]
			if of == nil {
				of = map[core.WorkflowID]core.NewWorkflow{}
				f.created[w.Pipeline.ID] = of
			}
			of[w.ID] = w
		}
	})
}

// PipelineWorkflows knows of no end: a test that plays one sets over.
func (f *fakeWorkflows) PipelineWorkflows(_ context.Context, id core.PipelineID) ([]core.Workflow, error) {
	var out []core.Workflow
	err := f.call(func() {
		for _, w := range f.created[id] {
			row := core.Workflow{ID: w.ID, Pipeline: id}
			if at, ok := f.over[id]; ok {
				row.StoppedAt = &at
			}
			out = append(out, row)
		}
	})
	return out, err
}

func (f *fakeWorkflows) CancelPipelineWorkflows(_ context.Context, id core.PipelineID) error {
	return f.call(func() { f.canceled[id] = true })
}

// bench is a service on its tables with peers that the test plays.
type bench struct {
	t         testing.TB
	ctx       context.Context
	svc       *Service
	configs   *fakeConfigs
	workflows *fakeWorkflows
	keys      secrets.Sealer
	skipped   atomic.Int64 // that the clock runs ahead, in nanoseconds
}

func newBench(t testing.TB, db *store.DB) *bench {
	t.Helper()
	b := &bench{
		t: t, ctx: context.Background(), workflows: newFakeWorkflows(),
		configs: &fakeConfigs{files: map[string]string{"main": "workflows: 2", "empty": ""}},
	}
	b.svc = b.newService(db)
	if err := db.MigrateEmbedded(b.ctx, migrations); err != nil {
		t.Fatalf("migrating: %v", err)
	}
	return b
}

func (b *bench) newService(db *store.DB) *Service {
	b.t.Helper()
	cfg := Default()
	cfg.Poll = 20 * time.Millisecond
	var ids atomic.Int64
	var micros atomic.Int64
	svc, err := New(cfg, Deps{
		Logger: hclog.NewNullLogger(), DB: db, Hints: hints.NewLocal(),
		// Each look at the clock is a microsecond later.
		Clock: func() time.Time {
			return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(micros.Add(1))*time.Microsecond + time.Duration(b.skipped.Load()))
		},
		NewID: func() string { return fmt.Sprintf("workflow-%d", ids.Add(1)) },
		Peers: Peers{Configs: b.configs, Workflows: b.workflows}, Sealer: b.sealer(),
	})
	if err != nil {
		b.t.Fatalf("making the service: %v", err)
	}
	return svc
}

// work runs the handlers once over all rows that are due, as the loops do, and
// tells how many had to be tried again.
func (b *bench) work() (failed int) {
	b.t.Helper()
	var ps []*pipeline
	if err := b.svc.db.NewSelect().Model(&ps).Where("due_at IS NOT NULL").Order("id").Scan(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	for _, p := range ps {
		switch b.svc.compile(b.ctx, p) {
		case work.Done():
			if _, err := b.svc.db.NewUpdate().Model(p).Set("due_at = NULL").Where("id = ?", p.ID).Exec(b.ctx); err != nil {
				b.t.Fatal(err)
			}
		case work.Again(b.expiry(p.id())):
		default:
			failed++
		}
	}
	var hs []*handover
	if err := b.svc.db.NewSelect().Model(&hs).Where("due_at IS NOT NULL").Order("id").Scan(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	for _, h := range hs {
		if err := b.svc.deliver(b.ctx, core.PipelineID(h.ID)); err != nil {
			failed++
			continue
		}
		if _, err := b.svc.db.NewDelete().Model(h).WherePK().Exec(b.ctx); err != nil {
			b.t.Fatal(err)
		}
	}
	return failed
}

// sealer is a keyset of its own for each test.
func (b *bench) sealer() secrets.Sealer {
	b.t.Helper()
	if b.keys == nil {
		keys, err := secrets.NewKeyset(b.t.TempDir())
		if err != nil {
			b.t.Fatal(err)
		}
		b.keys = keys
	}
	return b.keys
}

// expiry is when a setup pipeline can be continued no more, zero for others.
func (b *bench) expiry(id core.PipelineID) time.Time {
	b.t.Helper()
	k, err := findContinuation(b.ctx, b.svc.db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("pipeline_id = ?", id) })
	if err != nil {
		b.t.Fatal(err)
	}
	if k == nil {
		return time.Time{}
	}
	return k.ExpiresAt.Time()
}

func (b *bench) create(n core.NewPipeline) core.Pipeline {
	b.t.Helper()
	p, err := b.svc.CreatePipeline(b.ctx, n)
	if err != nil {
		b.t.Fatalf("creating a pipeline: %v", err)
	}
	return p
}

func (b *bench) pipeline(id core.PipelineID) core.Pipeline {
	b.t.Helper()
	p, err := b.svc.Pipeline(b.ctx, id)
	if err != nil {
		b.t.Fatalf("reading the pipeline: %v", err)
	}
	return p
}

func request(id core.PipelineID) core.NewPipeline {
	return core.NewPipeline{
		ID: id,
		Project: core.Project{
			ID: "p", Name: "site", RepositoryURL: "https://github.com/acme/site", DefaultBranch: "main",
			Organization: core.Organization{ID: "o", VCS: "gh", Name: "acme"},
		},
		Trigger: core.Trigger{Type: core.TriggerAPI, Actor: core.User{ID: "u", Login: "ann"}},
	}
}

// wantCode fails the test unless err has the code.
func wantCode(t testing.TB, err error, want core.Code) {
	t.Helper()
	if got := core.ErrorCode(err); got != want {
		t.Fatalf("got error %v with code %q, want code %q", err, got, want)
	}
}
