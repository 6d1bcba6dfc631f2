// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
)

// TestCrashes plays random workflows on the whole service while everything goes
// wrong that can: the process dies between any two statements, calls to the
// queue fail or lose their answers, reports come twice and out of order, people
// cancel and approve in between. Afterwards each job has had one end, the one
// that its tasks made, and nothing was lost or done twice.
func TestCrashes(t *testing.T) {
	t.Parallel()
	const first = 1
	storetest.Each(t, "workflows", func(t *testing.T, open func() *store.DB) {
		db := open()
		killer := newKiller(db)
		seeds := seedsOn(db.Driver())
		for seed := uint64(first); seed <= seeds; seed++ {
			w := newWorld(t, seed, db, killer)
			if err := w.play(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		t.Logf("seeds %d to %d", first, seeds)
	})
}

// seedsOn says how many worlds are played: as many as take some seconds. The
// race detector needs few, since each world has every road through the code.
func seedsOn(driver string) uint64 {
	switch {
	case testx.RaceDetector && driver == store.Postgres:
		return 1
	case testx.RaceDetector:
		return 3
	case driver == store.Postgres:
		return 4
	default:
		return 30
	}
}

// play does random things, then lets everything come to its end, and looks at
// what is there.
func (w *world) play() error {
	for range 100 + w.r.IntN(150) {
		if err := w.step(); err != nil {
			return err
		}
		if err := w.check(); err != nil {
			return err
		}
	}
	if err := w.drain(); err != nil {
		return err
	}
	if err := w.check(); err != nil {
		return err
	}
	return w.checkEnd()
}

func (w *world) step() error {
	switch x := w.r.IntN(100); {
	case x < 8:
		w.create()
	case x < 20:
		w.deliver(true)
	case x < 26:
		w.serve(true)
	case x < 55:
		w.advance()
	case x < 80:
		w.report(true)
	case x < 88:
		w.approve()
	case x < 91:
		w.cancelJob()
	case x < 93:
		w.cancelWorkflow()
	case x < 94:
		w.cancelPipeline()
	case x < 98:
		w.rerun()
	default:
		w.restart()
	}
	return w.noteStops()
}

// drain repeats, without faults, what peers would repeat, until all has ended.
func (w *world) drain() error {
	w.queue.fault = nil
	w.queue.away = func() error { return nil }
	for range 500 {
		w.restart()
		if err := w.svc.CreateWorkflows(w.ctx, w.plans); err != nil {
			return err
		}
		w.serve(false)
		w.deliver(false)
		for range 20 {
			w.advance()
		}
		w.report(false)
		w.approve()
		open, err := w.db.NewSelect().Model((*workflow)(nil)).Where("stopped_at IS NULL").Where("project_id = ?", w.project).Count(w.ctx)
		if err != nil {
			return err
		}
		if open == 0 && len(w.pending) == 0 {
			w.deliver(false)
			for range 3 {
				w.serve(false) // a release brings news to one that is gone
			}
			return nil
		}
	}
	return fmt.Errorf("the workflows do not end")
}

// check holds what is true whenever nobody is in the middle of something.
func (w *world) check() error {
	if err := w.checkSerials(); err != nil {
		return err
	}
	var rows []*workflow
	if err := w.db.NewSelect().Model(&rows).Where("project_id = ?", w.project).Scan(w.ctx); err != nil {
		return err
	}
	for _, row := range rows {
		if row.AutoRerun > 0 {
			w.planOf[row.ID] = w.planOf[row.RerunOf]
		}
		var jobs []*job
		if err := w.db.NewSelect().Model(&jobs).Where("workflow_id = ?", row.ID).Order("idx").Scan(w.ctx); err != nil {
			return err
		}
		nouns := make([]core.Job, len(jobs))
		kept := map[string]bool{}
		for i, j := range jobs {
			if was, ended := w.ends[j.ID]; ended && was != j.Status {
				return fmt.Errorf("%s of %s ended %s and is now %s", j.Name, j.Workflow, was, j.Status)
			}
			if j.Status.Ended() {
				w.ends[j.ID] = j.Status
			}
			nouns[i] = j.noun()
			kept[j.Name] = j.Copied
		}
		if err := checkShape(w.planOf[row.ID], nouns, kept, row.Status, row.CancelAsked); err != nil {
			return fmt.Errorf("workflow %s: %w", row.ID, err)
		}
	}
	return nil
}

// serialKeys are those of all worlds' workflows.
var serialKeys = []string{"a", "b"}

// serialize has some jobs of a plan need serial groups: single ones, and a job
// group of others.
func (w *world) serialize(p *core.WorkflowPlan) {
	for i := range p.Jobs {
		switch w.r.IntN(5) {
		case 0:
			p.Jobs[i].SerialGroup = "a"
		case 1:
			p.Jobs[i].Group = "g"
		}
	}
	p.Groups = []core.GroupPlan{{Name: "g", SerialGroup: "b"}}
}

// checkSerials wants jobs to run only while their lock is theirs. The queue's
// side is exact, so it is asked who holds what.
func (w *world) checkSerials() error {
	var rows []*job
	err := w.db.NewSelect().Model(&rows).Where("project_id = ?", w.project).Where("hold_id <> ''").
		Where("status IN ('queued', 'running')").Where("NOT waits").Scan(w.ctx)
	if err != nil {
		return err
	}
	owner := map[string]core.SerialID{}
	for _, j := range rows {
		if first := owner[j.SerialKey]; first != "" && first != j.Hold {
			return fmt.Errorf("two claims of %s run at once: %s of %s and another", j.SerialKey, j.Name, j.Workflow)
		}
		owner[j.SerialKey] = j.Hold
	}
	return nil
}

// checkEnd compares what the service ended with to what the queue knows.
func (w *world) checkEnd() error {
	var jobs []*job
	if err := w.db.NewSelect().Model(&jobs).Where("project_id = ?", w.project).Scan(w.ctx); err != nil {
		return err
	}
	numbers := map[int64]bool{}
	tasks := 0
	for _, j := range jobs {
		if !j.Status.Ended() {
			return fmt.Errorf("%s of %s never ended: %s", j.Name, j.Workflow, j.Status)
		}
		if j.Copied || j.Number == 0 {
			continue
		}
		if numbers[j.Number] {
			return fmt.Errorf("number %d was given twice", j.Number)
		}
		numbers[j.Number] = true
		tasks += j.Parallelism
		if err := w.checkTasks(j); err != nil {
			return err
		}
	}
	for n := range int64(len(numbers)) {
		if !numbers[n+1] {
			return fmt.Errorf("number %d of %d is missing", n+1, len(numbers))
		}
	}
	if err := w.checkAutoReruns(); err != nil {
		return err
	}
	for _, key := range serialKeys {
		if holder := w.queue.held(key); holder != "" {
			return fmt.Errorf("%s holds %s after all has ended", holder, key)
		}
	}
	if len(w.queue.order) != tasks {
		return fmt.Errorf("the queue got %d tasks, the jobs have %d", len(w.queue.order), tasks)
	}
	for id := range w.mustStop {
		if !w.queue.canceled[id] {
			return fmt.Errorf("the queue never heard of the cancel of task %s", id)
		}
	}
	left, err := w.db.NewSelect().Model((*handover)(nil)).Count(w.ctx)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d hand-overs were never delivered", left)
	}
	return err
}

// checkAutoReruns wants each failed workflow to have rerun itself once, as far as
// it was to.
func (w *world) checkAutoReruns() error {
	var rows []*workflow
	if err := w.db.NewSelect().Model(&rows).Where("project_id = ?", w.project).Scan(w.ctx); err != nil {
		return err
	}
	canceled := map[core.PipelineID]bool{}
	var pipelines []*pipeline
	if err := w.db.NewSelect().Model(&pipelines).Where("canceled").Scan(w.ctx); err != nil {
		return err
	}
	for _, p := range pipelines {
		canceled[p.ID] = true
	}
	reruns := map[core.WorkflowID]int{}
	for _, row := range rows {
		if row.AutoRerun > 0 {
			reruns[row.RerunOf]++
		}
	}
	for _, row := range rows {
		got := reruns[row.ID]
		due := row.Status == core.WorkflowFailed && !row.CancelAsked && row.AutoRerun < row.MaxAutoReruns
		switch {
		case !due && got > 0 || got > 1:
			return fmt.Errorf("workflow %s (%s, %d of %d) reran itself %d times", row.ID, row.Status, row.AutoRerun, row.MaxAutoReruns, got)
		case due && got == 0 && !canceled[row.Pipeline]:
			return fmt.Errorf("workflow %s (%s, %d of %d) did not rerun itself", row.ID, row.Status, row.AutoRerun, row.MaxAutoReruns)
		}
	}
	return nil
}

func (w *world) checkTasks(j *job) error {
	var worst core.JobStatus
	for i := range j.Parallelism {
		f := w.fates[taskID(j.ID, i)]
		if f == nil {
			return fmt.Errorf("task %d of %s never reached the queue", i, j.Name)
		}
		worst = worse(worst, f.status)
		var t task
		if err := w.db.NewSelect().Model(&t).Where("id = ?", taskID(j.ID, i)).Scan(w.ctx); err != nil {
			return err
		}
		if t.Status != f.status || t.Attempt != f.attempt {
			return fmt.Errorf("task %d of %s is %s of attempt %d, the queue said %s of %d", i, j.Name, t.Status, t.Attempt, f.status, f.attempt)
		}
	}
	if j.Status != worst {
		return fmt.Errorf("%s is %s, its tasks make it %s", j.Name, j.Status, worst)
	}
	return nil
}

// newWorld makes a few random workflows of a project of their own.
func newWorld(t testing.TB, seed uint64, db *store.DB, k *killer) *world {
	w := &world{
		t: t, ctx: t.Context(), r: rand.New(rand.NewPCG(seed, 2)), db: db, queue: newFakeQueue(), clock: newClock(), killer: k,
		project: core.ProjectID(fmt.Sprintf("project-%d", seed)),
		fates:   map[core.TaskID]*fate{}, ends: map[core.JobID]core.JobStatus{},
		mustStop: map[core.TaskID]bool{}, planOf: map[core.WorkflowID]core.WorkflowPlan{},
	}
	for i := range 1 + w.r.IntN(4) {
		n := plan(core.WorkflowID(fmt.Sprintf("%d-w%d", seed, i)))
		n.Pipeline.ID = core.PipelineID(fmt.Sprintf("%d-p%d", seed, i/2))
		n.Pipeline.Project.ID = w.project
		n.Plan = randomPlan(w.r, 10)
		n.Plan.MaxAutoReruns = w.r.IntN(3)
		w.serialize(&n.Plan)
		w.plans = append(w.plans, n)
		w.planOf[n.ID] = n.Plan
	}
	w.queue.away = func() error {
		if w.r.IntN(5) == 0 {
			return errAway
		}
		return nil
	}
	w.queue.fault = func(string) (error, error) {
		switch w.r.IntN(6) {
		case 0:
			return errAway, nil
		case 1:
			return nil, errAway
		default:
			return nil, nil
		}
	}
	w.restart()
	return w
}
