// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

var moment = store.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// randomPlan makes a workflow of up to most jobs of any type, each of which
// requires some of those before it with statuses of any kind.
func randomPlan(r *rand.Rand, most int) core.WorkflowPlan {
	plan := core.WorkflowPlan{Name: "random"}
	for i := range 1 + r.IntN(most) {
		p := core.JobPlan{Name: fmt.Sprintf("j%d", i), Type: core.JobBuild, Parallelism: r.IntN(4)}
		switch r.IntN(6) {
		case 0:
			p.Type = core.JobApproval
		case 1:
			p.Type = core.JobNoOp
		}
		for k := range i {
			if r.IntN(i) < 2 {
				p.Requires = append(p.Requires, after(fmt.Sprintf("j%d", k), randomStatuses(r)...))
			}
		}
		plan.Jobs = append(plan.Jobs, p)
	}
	return plan
}

func randomStatuses(r *rand.Rand) []core.JobStatus {
	if r.IntN(2) == 0 {
		return nil // the usual success
	}
	var out []core.JobStatus
	for _, s := range []core.JobStatus{core.JobSuccess, core.JobFailed, core.JobCanceled, core.JobNotRun} {
		if r.IntN(2) == 0 {
			out = append(out, s)
		}
	}
	return out
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// checkShape holds what must be true of a workflow whenever it rests: each job
// is where the ends of those that it requires put it, and the counts are right.
// Jobs that a rerun kept, by name, are what they were, whatever they require.
func checkShape(plan core.WorkflowPlan, jobs []core.Job, kept map[string]bool, got core.WorkflowStatus, cancelAsked bool) error {
	byName := map[string]core.Job{}
	counts := tally{}
	for _, j := range jobs {
		byName[j.Name] = j
		counts.move("", j.Status)
	}
	for _, p := range plan.Jobs {
		j := byName[p.Name]
		open, unmet := false, false
		for _, r := range p.Requires {
			from := byName[r.Job]
			set, _ := accepting(r.Statuses)
			open = open || !from.Status.Ended()
			unmet = unmet || from.Status.Ended() && !set.has(from.Status)
		}
		canceled := j.Status == core.JobCanceled
		switch {
		case kept[j.Name]:
		case unmet && j.Status != core.JobNotRun && !canceled:
			return fmt.Errorf("%s is %s, though a requirement was not met", j.Name, j.Status)
		case !unmet && j.Status == core.JobNotRun:
			return fmt.Errorf("%s is not_run, though no requirement failed", j.Name)
		case !unmet && open && j.Status != core.JobBlocked && !canceled:
			return fmt.Errorf("%s is %s, though a requirement is open", j.Name, j.Status)
		case !unmet && !open && j.Status == core.JobBlocked:
			return fmt.Errorf("%s is blocked, though all requirements are met", j.Name)
		}
	}
	if want := counts.status(cancelAsked); got != want {
		return fmt.Errorf("the workflow is %s, its jobs make it %s", got, want)
	}
	return nil
}

// TestBoardAlone plays random workflows on the state machine without a
// database, against checkShape after every move.
func TestBoardAlone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1500) {
		if err := playAlone(rand.New(rand.NewPCG(seed, 1))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func playAlone(r *rand.Rand) error {
	n := core.NewWorkflow{ID: "w", Pipeline: pipelineContext(1), Plan: randomPlan(r, 12)}
	d := newDraft(n, moment, Default())
	if d.workflow.ErroredBy != "" {
		return fmt.Errorf("a good plan was refused: %s", d.workflow.ErroredBy)
	}
	b := newBoard(moment)
	d.play(b)
	ends := map[core.JobID]core.JobStatus{}
	for move := 0; ; move++ {
		for _, j := range b.queued {
			for i := range j.Parallelism {
				id := taskID(j.ID, i)
				if b.tasks[id] != nil {
					return fmt.Errorf("%s was queued twice", j.Name)
				}
				b.tasks[id] = &task{ID: id, Job: j.ID, Workflow: j.Workflow, Index: i, taskState: taskState{Status: core.JobQueued}}
			}
		}
		b.queued = nil
		b.close()
		var nouns []core.Job
		for _, j := range d.jobs {
			if was, ended := ends[j.ID]; ended && was != j.Status {
				return fmt.Errorf("%s ended %s and is now %s", j.Name, was, j.Status)
			}
			if j.Status.Ended() {
				ends[j.ID] = j.Status
			}
			nouns = append(nouns, j.noun())
		}
		if err := checkShape(n.Plan, nouns, nil, d.workflow.Status, d.workflow.CancelAsked); err != nil {
			return fmt.Errorf("after move %d: %w", move, err)
		}
		if d.workflow.Status.Ended() {
			return nil
		}
		if move > 1000 {
			return fmt.Errorf("the workflow does not end: %v", d.workflow.Tally.V)
		}
		randomMove(r, b, d)
		if err := b.settle(func([]*job, int) error { return nil }); err != nil {
			return err
		}
	}
}

// randomMove does one thing that may happen from outside, sensible or not.
func randomMove(r *rand.Rand, b *board, d *draft) {
	j := pick(r, d.jobs)
	switch x := r.IntN(40); {
	case x == 0:
		b.cancelWorkflow(d.workflow, d.jobs, "u", "")
	case x < 3:
		b.cancel(j, "u", "")
	case x < 8:
		_ = b.approve(j, "u")
	default:
		if j.Parallelism == 0 {
			return
		}
		b.report(core.TaskReport{
			Task: taskID(j.ID, r.IntN(j.Parallelism)), Attempt: 1 + r.IntN(3),
			Status: pick(r, []core.JobStatus{
				core.JobQueued, core.JobRunning, core.JobSuccess, core.JobSuccess, core.JobFailed,
				core.JobTimedOut, core.JobInfrastructureFail, core.JobCanceled,
			}),
		})
	}
}

func TestReportMovesForwardOnly(t *testing.T) {
	t.Parallel()
	type step struct {
		attempt int
		status  core.JobStatus
		news    bool
	}
	const queued, running, success, failed = core.JobQueued, core.JobRunning, core.JobSuccess, core.JobFailed
	for name, c := range map[string]struct {
		steps []step
		job   core.JobStatus
		task  core.JobStatus
	}{
		"in order":             {[]step{{1, running, true}, {1, success, true}}, success, success},
		"repeated":             {[]step{{1, running, true}, {1, running, false}, {1, success, true}, {1, success, false}}, success, success},
		"end before start":     {[]step{{1, success, true}, {1, running, false}}, success, success},
		"first end stays":      {[]step{{1, failed, true}, {1, success, false}, {2, success, false}}, failed, failed},
		"new attempt":          {[]step{{1, running, true}, {2, queued, true}}, running, queued},
		"old attempt is late":  {[]step{{2, running, true}, {1, success, false}, {1, running, false}}, running, running},
		"attempts end to end":  {[]step{{1, running, true}, {2, queued, true}, {2, running, true}, {2, success, true}}, success, success},
		"queued says nothing":  {[]step{{1, queued, true}, {1, queued, false}}, queued, queued},
		"lost before it began": {[]step{{1, core.JobInfrastructureFail, true}}, core.JobInfrastructureFail, core.JobInfrastructureFail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDraft(plan("w", build("a")), moment, Default())
			b := newBoard(moment)
			d.play(b)
			j := d.jobs[0]
			id := taskID(j.ID, 0)
			b.tasks[id] = &task{ID: id, Job: j.ID, Workflow: "w", taskState: taskState{Status: queued}}
			for i, s := range c.steps {
				if got := b.report(core.TaskReport{Task: id, Attempt: s.attempt, Status: s.status}); got != s.news {
					t.Errorf("step %d: got news %t, want %t", i, got, s.news)
				}
			}
			if j.Status != c.job || b.tasks[id].Status != c.task {
				t.Errorf("got job %s and task %s, want %s and %s", j.Status, b.tasks[id].Status, c.job, c.task)
			}
			if ran := hasRun(c.task); ran == b.tasks[id].StartedAt.IsZero() {
				t.Errorf("a task that is %s started at %q", c.task, b.tasks[id].StartedAt)
			}
		})
	}
}

func TestNewGraphRefuses(t *testing.T) {
	t.Parallel()
	small := Default()
	small.MaxJobs, small.MaxRequirements, small.MaxParallelism = 3, 2, 4
	wide := build("a")
	wide.Parallelism = 5
	for name, jobs := range map[string][]core.JobPlan{
		"no jobs":            {},
		"too many jobs":      {build("a"), build("b"), build("c"), build("d")},
		"too many edges":     {build("a"), build("b", after("a")), build("c", after("a"), after("b"))},
		"too parallel":       {wide},
		"same name twice":    {build("a"), build("a")},
		"no name":            {build("")},
		"unknown type":       {{Name: "a", Type: "release"}},
		"unknown dependency": {build("a", after("b"))},
		"no statuses":        {build("a"), build("b", core.Requirement{Job: "a"})},
		"open status":        {build("a"), build("b", after("a", core.JobRunning))},
		"itself":             {build("a", after("a"))},
		"cycle":              {build("a", after("b")), build("b", after("a"))},
		"NUL":                {build("a\x00")},
	} {
		if _, err := newGraph(core.WorkflowPlan{Jobs: jobs}, small); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}
