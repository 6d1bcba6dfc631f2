// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// world is a service, its queue and its people, played by one source of
// randomness so that a seed repeats all of it.
type world struct {
	t       testing.TB
	ctx     context.Context
	r       *rand.Rand
	db      *store.DB
	svc     *Service
	queue   *fakeQueue
	clock   *clock
	killer  *killer
	project core.ProjectID

	plans   []core.NewWorkflow
	planOf  map[core.WorkflowID]core.WorkflowPlan
	reruns  int
	fates   map[core.TaskID]*fate
	log     []core.TaskReport // all that the queue ever said
	pending []core.TaskReport // what was not acknowledged yet

	ends     map[core.JobID]core.JobStatus
	mustStop map[core.TaskID]bool
}

// fate is what the queue knows of a task that it has.
type fate struct {
	attempt int
	status  core.JobStatus
}

// killer ends the context of a call before one of its next statements, as a
// process that is killed would.
type killer struct {
	left   int // statements until it strikes; 0 is never
	cancel context.CancelFunc
}

// newKiller hooks into the database. Hooks cannot be taken out, so one serves
// all worlds of a database.
func newKiller(db *store.DB) *killer {
	k := &killer{}
	db.AddQueryHook(k)
	return k
}

func (k *killer) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	if k.left > 0 {
		if k.left--; k.left == 0 {
			k.cancel()
		}
	}
	return ctx
}

func (k *killer) AfterQuery(context.Context, *bun.QueryEvent) {}

// call makes a call that may be killed at a random statement, and tells whether
// the caller saw it succeed. What failed is repeated by whoever needs it.
func (w *world) call(do func(ctx context.Context) error) bool {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	killed := w.r.IntN(3) == 0
	if killed {
		w.killer.left, w.killer.cancel = 1+w.r.IntN(15), cancel
	}
	err := do(ctx)
	w.killer.left = 0
	if killed {
		w.restart()
	}
	switch core.ErrorCode(err) {
	case "", core.CodeConflict, core.CodeUnavailable:
	default:
		if !killed {
			w.t.Fatalf("a call that was left alone failed: %v", err)
		}
	}
	return err == nil
}

// restart drops the service and makes another on the same tables.
func (w *world) restart() { w.svc = newService(w.t, testConfig(), w.db, w.queue, w.clock.Now) }

func (w *world) create() {
	n := pick(w.r, w.plans)
	ws := []core.NewWorkflow{n, pick(w.r, w.plans)}
	w.call(func(ctx context.Context) error { return w.svc.CreateWorkflows(ctx, ws) })
}

// deliver takes some hand-overs through the handler. With faults the process
// may die before the results are written, and something may happen meanwhile.
func (w *world) deliver(faults bool) {
	var rows []*handover
	q := w.db.NewSelect().Model(&rows).Where("due_at IS NOT NULL").Order("id")
	if faults {
		q = q.Limit(1 + w.r.Int64N(5))
	}
	if err := q.Scan(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	if len(rows) == 0 {
		return
	}
	var results []work.Result
	deliver := func(ctx context.Context) error { results = w.svc.deliver(ctx, rows); return nil }
	if !faults {
		_ = deliver(w.ctx)
	} else if w.call(deliver); w.r.IntN(4) == 0 {
		return
	}
	if faults && w.r.IntN(3) == 0 {
		w.cancelJob()
	}
	for i, row := range rows {
		if results[i] != work.Delete() {
			continue
		}
		// As the loop does: not when the row was marked due again.
		_, err := w.db.NewDelete().Model(row).WherePK().Where("due_seq = ?", row.DueSeq).Exec(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// advance lets one task of the queue go on.
func (w *world) advance() {
	order, canceled := w.queue.snapshot()
	if len(order) == 0 {
		return
	}
	id := pick(w.r, order)
	f := w.fates[id]
	if f == nil {
		f = &fate{attempt: 1, status: core.JobQueued}
		w.fates[id] = f
	}
	if f.status.Ended() {
		return
	}
	ends := []core.JobStatus{
		core.JobSuccess, core.JobSuccess, core.JobSuccess, core.JobSuccess, core.JobFailed,
		core.JobTimedOut, core.JobInfrastructureFail,
	}
	switch {
	case canceled[id] && w.r.IntN(2) == 0:
		f.status = core.JobCanceled
	case w.r.IntN(8) == 0:
		f.attempt, f.status = f.attempt+1, core.JobQueued
	case f.status == core.JobQueued && w.r.IntN(5) > 0:
		f.status = core.JobRunning
	default:
		f.status = pick(w.r, ends)
	}
	report := core.TaskReport{Task: id, Attempt: f.attempt, Status: f.status, Reason: "because", At: w.clock.Now()}
	w.log = append(w.log, report)
	w.pending = append(w.pending, report)
}

// report sends some of what was not acknowledged, in any order, with some of
// what was.
func (w *world) report(faults bool) {
	w.r.Shuffle(len(w.pending), func(i, k int) { w.pending[i], w.pending[k] = w.pending[k], w.pending[i] })
	n := len(w.pending)
	if faults && n > 0 {
		n = 1 + w.r.IntN(n)
	}
	batch := append([]core.TaskReport(nil), w.pending[:n]...)
	for range w.r.IntN(3) {
		if len(w.log) > 0 {
			batch = append(batch, pick(w.r, w.log))
		}
	}
	if len(batch) == 0 {
		return
	}
	if !faults {
		if err := w.svc.ReportTasks(w.ctx, batch); err != nil {
			w.t.Fatal(err)
		}
		w.pending = nil
		return
	}
	acknowledged := w.call(func(ctx context.Context) error { return w.svc.ReportTasks(ctx, batch) })
	if acknowledged && w.r.IntN(4) > 0 {
		w.pending = w.pending[n:]
	}
}

// some returns a random workflow that exists with its jobs, nil when there is
// none.
func (w *world) some() (*workflow, []*job) {
	var rows []*workflow
	if err := w.db.NewSelect().Model(&rows).Where("project_id = ?", w.project).Order("id").Scan(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	row := pick(w.r, rows)
	var jobs []*job
	if err := w.db.NewSelect().Model(&jobs).Where("workflow_id = ?", row.ID).Order("idx").Scan(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	return row, jobs
}

func (w *world) approve() {
	row, jobs := w.some()
	for _, j := range jobs {
		if j.Type == core.JobApproval {
			a := core.Approval{Workflow: row.ID, Request: j.Approval, By: "u"}
			w.call(func(ctx context.Context) error { return w.svc.Approve(ctx, a) })
		}
	}
}

func (w *world) cancelJob() {
	if _, jobs := w.some(); len(jobs) > 0 {
		c := core.JobCancel{Job: pick(w.r, jobs).ID, By: "u"}
		w.call(func(ctx context.Context) error { return w.svc.CancelJob(ctx, c) })
	}
}

func (w *world) cancelWorkflow() {
	if row, _ := w.some(); row != nil {
		c := core.WorkflowCancel{Workflow: row.ID, By: "u"}
		w.call(func(ctx context.Context) error { return w.svc.CancelWorkflow(ctx, c) })
	}
}

func (w *world) cancelPipeline() {
	id := pick(w.r, w.plans).Pipeline.ID
	w.call(func(ctx context.Context) error { return w.svc.CancelPipelineWorkflows(ctx, id) })
}

// rerun repeats a workflow when that is allowed; a lost answer is asked for
// again with the same id.
func (w *world) rerun() {
	row, _ := w.some()
	if row == nil || !row.Status.Ended() {
		return
	}
	w.reruns++
	r := core.Rerun{
		ID: core.WorkflowID(fmt.Sprintf("%s-r%d", row.ID, w.reruns)), Workflow: row.ID, FromFailed: w.r.IntN(2) == 0,
	}
	w.planOf[r.ID] = w.planOf[row.ID]
	for range 2 {
		w.call(func(ctx context.Context) error { _, err := w.svc.RerunWorkflow(ctx, r); return err })
	}
}

// serve brings some holds to the queue and its news back. With faults the process
// may die on the way, and what is delivered comes again.
func (w *world) serve(faults bool) {
	var rows []*hold
	if err := w.db.NewSelect().Model(&rows).Where("due_at IS NOT NULL").Order("id").Scan(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	var results []work.Result
	tell := func(ctx context.Context) error { results = w.svc.tellHolds(ctx, rows); return nil }
	if !faults {
		_ = tell(w.ctx)
	} else if w.call(tell); w.r.IntN(4) == 0 {
		return
	}
	if faults && w.r.IntN(3) == 0 {
		w.cancelJob()
	}
	for i, row := range rows {
		if results[i] != work.Done() {
			continue
		}
		_, err := w.db.NewUpdate().Model(row).Set("due_at = NULL").WherePK().Where("due_seq = ?", row.DueSeq).Exec(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
	}
	news := w.queue.take()
	var unwanted []core.SerialID
	report := func(ctx context.Context) (err error) { unwanted, err = w.svc.ReportSerials(ctx, news); return err }
	if !faults {
		if err := report(w.ctx); err != nil {
			w.t.Fatal(err)
		}
	} else if !w.call(report) || w.r.IntN(4) == 0 {
		return
	}
	w.queue.told(len(news), unwanted)
}

// noteStops remembers the open tasks of jobs that were canceled: the queue must
// hear of each.
func (w *world) noteStops() error {
	var ids []core.TaskID
	err := w.db.NewSelect().Model((*task)(nil)).Column("id").Where("stopped_at IS NULL").
		Where("job_id IN (?)", w.db.NewSelect().Model((*job)(nil)).Column("id").Where("cancel_asked").Where("project_id = ?", w.project)).
		Scan(w.ctx, &ids)
	for _, id := range ids {
		w.mustStop[id] = true
	}
	return err
}
