// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// errAway is what a peer that is away answers.
var errAway = core.Errorf(core.CodeUnavailable, "the queue is away")

// fakeQueue is a queue without a cluster: it remembers what it was told, and
// refuses when a test says so.
type fakeQueue struct {
	*fakeSerials
	mu       sync.Mutex
	order    []core.TaskID                             // in the order of first arrival
	tasks    map[core.TaskID]core.QueuedTask           // accepted
	canceled map[core.TaskID]bool                      // of those that were known
	fault    func(method string) (before, after error) // before: not done; after: done, answer lost
	changed  chan struct{}                             // holds a hint after each change
}

func newFakeQueue() *fakeQueue {
	return &fakeQueue{
		fakeSerials: newFakeSerials(),
		tasks:       map[core.TaskID]core.QueuedTask{}, canceled: map[core.TaskID]bool{},
		changed: make(chan struct{}, 1),
	}
}

func (q *fakeQueue) call(method string, do func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var before, after error
	if q.fault != nil {
		before, after = q.fault(method)
	}
	if before != nil {
		return before
	}
	do()
	select {
	case q.changed <- struct{}{}:
	default:
	}
	return after
}

func (q *fakeQueue) Enqueue(_ context.Context, tasks []core.QueuedTask) error {
	return q.call("enqueue", func() {
		for _, t := range tasks {
			if _, known := q.tasks[t.ID]; !known {
				q.tasks[t.ID] = t
				q.order = append(q.order, t.ID)
			}
		}
	})
}

// CancelTasks leaves alone what it does not know, as the real one does.
func (q *fakeQueue) CancelTasks(_ context.Context, ids []core.TaskID) error {
	return q.call("cancel", func() {
		for _, id := range ids {
			if _, known := q.tasks[id]; known {
				q.canceled[id] = true
			}
		}
	})
}

func (q *fakeQueue) Waiting(_ context.Context, ids []core.TaskID) ([]string, error) {
	reasons := make([]string, len(ids))
	err := q.call("waiting", func() {
		for i, id := range ids {
			if _, known := q.tasks[id]; known {
				reasons[i] = "no room in the pool"
			}
		}
	})
	return reasons, err
}

func (q *fakeQueue) ReportAttempts(context.Context, []core.AttemptReport) error {
	return errors.New("not used here")
}

// snapshot returns the tasks in the order of arrival, and which are canceled.
func (q *fakeQueue) snapshot() ([]core.TaskID, map[core.TaskID]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	canceled := map[core.TaskID]bool{}
	for id := range q.canceled {
		canceled[id] = true
	}
	return append([]core.TaskID(nil), q.order...), canceled
}

// bench is a service on its tables with a queue that the test plays.
type bench struct {
	t     testing.TB
	ctx   context.Context
	svc   *Service
	queue *fakeQueue
	clock *clock
}

// clock moves only when it is told to, or by a microsecond per look, so that
// what comes later is later.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func testConfig() Config {
	cfg := Default()
	cfg.Poll = 20 * time.Millisecond
	return cfg
}

// newService makes a service on migrated tables without starting its loops.
func newService(t testing.TB, cfg Config, db *store.DB, queue core.Queue, now core.Clock) *Service {
	t.Helper()
	serials, ok := queue.(core.Serials)
	if !ok {
		serials = newFakeSerials()
	}
	svc, err := New(cfg, Deps{
		Serials: serials,
		Logger:  hclog.NewNullLogger(), Clock: now, DB: db, Hints: hints.NewLocal(), Queue: queue,
	})
	if err != nil {
		t.Fatalf("making the service: %v", err)
	}
	if err := db.MigrateEmbedded(context.Background(), migrations); err != nil {
		t.Fatalf("migrating: %v", err)
	}
	return svc
}

func newBench(t testing.TB, db *store.DB) *bench {
	t.Helper()
	b := &bench{t: t, ctx: context.Background(), queue: newFakeQueue(), clock: newClock()}
	b.svc = newService(t, testConfig(), db, b.queue, b.clock.Now)
	return b
}

// deliver runs the hand-over handler over all rows that are due, as the loop
// does, until none is left. The loop itself has its own tests.
func (b *bench) deliver() {
	b.t.Helper()
	for {
		var rows []*handover
		if err := b.svc.db.NewSelect().Model(&rows).Where("due_at IS NOT NULL").Order("due_at", "id").Scan(b.ctx); err != nil {
			b.t.Fatalf("reading hand-overs: %v", err)
		}
		if len(rows) == 0 {
			return
		}
		results := b.svc.deliver(b.ctx, rows)
		for i, row := range rows {
			if results[i] != work.Delete() {
				b.t.Fatalf("handing over %s: got %+v, want it done", row.ID, results[i])
			}
			if _, err := b.svc.db.NewDelete().Model(row).WherePK().Exec(b.ctx); err != nil {
				b.t.Fatalf("deleting a hand-over: %v", err)
			}
		}
	}
}

func (b *bench) create(ws ...core.NewWorkflow) {
	b.t.Helper()
	if err := b.svc.CreateWorkflows(b.ctx, ws); err != nil {
		b.t.Fatalf("creating workflows: %v", err)
	}
}

// report says of the first task of a job, by name, that it has a status.
func (b *bench) report(id core.WorkflowID, name string, statuses ...core.JobStatus) {
	b.t.Helper()
	for _, status := range statuses {
		j := b.job(id, name)
		b.reportTask(taskID(j.ID, 0), 1, status)
	}
}

func (b *bench) reportTask(id core.TaskID, attempt int, status core.JobStatus) {
	b.t.Helper()
	err := b.svc.ReportTasks(b.ctx, []core.TaskReport{{Task: id, Attempt: attempt, Status: status, At: b.clock.Now()}})
	if err != nil {
		b.t.Fatalf("reporting %s: %v", status, err)
	}
}

func (b *bench) workflow(id core.WorkflowID) core.Workflow {
	b.t.Helper()
	w, err := b.svc.Workflow(b.ctx, id)
	if err != nil {
		b.t.Fatalf("reading the workflow: %v", err)
	}
	return w
}

func (b *bench) jobs(id core.WorkflowID) []core.Job {
	b.t.Helper()
	jobs, err := b.svc.WorkflowJobs(b.ctx, id)
	if err != nil {
		b.t.Fatalf("reading jobs: %v", err)
	}
	return jobs
}

func (b *bench) job(id core.WorkflowID, name string) core.Job {
	b.t.Helper()
	for _, j := range b.jobs(id) {
		if j.Name == name {
			one, err := b.svc.Job(b.ctx, j.ID)
			if err != nil {
				b.t.Fatalf("reading job %s: %v", name, err)
			}
			return one
		}
	}
	b.t.Fatalf("the workflow has no job %s", name)
	return core.Job{}
}

// statuses returns the statuses of a workflow's jobs as "name=status" in the
// order of the plan.
func (b *bench) statuses(id core.WorkflowID) []string {
	b.t.Helper()
	var out []string
	for _, j := range b.jobs(id) {
		out = append(out, j.Name+"="+string(j.Status))
	}
	return out
}

// wantCode fails the test unless err has the code.
func wantCode(t testing.TB, err error, want core.Code) {
	t.Helper()
	if got := core.ErrorCode(err); got != want {
		t.Fatalf("got error %v with code %q, want code %q", err, got, want)
	}
}

func build(name string, requires ...core.Requirement) core.JobPlan {
	return core.JobPlan{
		Name: name, Type: core.JobBuild, Requires: requires, ResourceClass: "small",
		Executor: core.Executor{Kind: core.ExecutorMachine},
		Steps:    []core.StepPlan{{Kind: core.StepRun, Name: "true", Run: &core.RunStep{Command: "true"}}},
	}
}

func approval(name string, requires ...core.Requirement) core.JobPlan {
	return core.JobPlan{Name: name, Type: core.JobApproval, Requires: requires}
}

func noop(name string, requires ...core.Requirement) core.JobPlan {
	return core.JobPlan{Name: name, Type: core.JobNoOp, Requires: requires}
}

func after(name string, statuses ...core.JobStatus) core.Requirement {
	if len(statuses) == 0 {
		statuses = []core.JobStatus{core.JobSuccess}
	}
	return core.Requirement{Job: name, Statuses: statuses}
}

// plan is a workflow of pipeline 1 of the project "p".
func plan(id core.WorkflowID, jobs ...core.JobPlan) core.NewWorkflow {
	return core.NewWorkflow{
		ID: id, Pipeline: pipelineContext(1), Plan: core.WorkflowPlan{Name: "main", Jobs: jobs},
	}
}

func pipelineContext(number int64) core.PipelineContext {
	return core.PipelineContext{
		ID: core.PipelineID(fmt.Sprintf("pipeline-%d", number)), Number: number,
		Project: core.Project{
			ID: "p", Name: "site", DefaultBranch: "main", AutoCancel: true,
			Organization: core.Organization{ID: "o", VCS: "gh", Name: "acme", Concurrency: 7},
		},
		Trigger: core.Trigger{Type: core.TriggerAPI, Actor: core.User{ID: "u"}},
		Source:  core.Source{Branch: "main", Revision: "0123456789012345678901234567890123456789"},
	}
}

// refusingQueue has no class "gigantic", and says so for the whole call.
type refusingQueue struct{ *fakeQueue }

func (q *refusingQueue) Enqueue(ctx context.Context, tasks []core.QueuedTask) error {
	for _, t := range tasks {
		if t.ResourceClass == "gigantic" {
			return core.Errorf(core.CodeInvalid, "there is no class gigantic")
		}
	}
	return q.fakeQueue.Enqueue(ctx, tasks)
}
