// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// deploying is a job of three tasks that ends with a deploy step.
func deploying(name string) core.JobPlan {
	j := build(name)
	j.Parallelism = 3
	j.Steps = []core.StepPlan{{Kind: core.StepRun, Name: "deploy", Run: &core.RunStep{Command: "true", Deploy: true}}}
	return j
}

// TestSiblings follows the tasks of a job from the first one's point of view,
// through a try that the infrastructure failed.
func TestSiblings(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", deploying("ship"), build("other")))
		b.deliver()
		ship := b.job("w", "ship").ID
		ask := func() core.Siblings {
			t.Helper()
			found, err := b.svc.TaskSiblings(b.ctx, core.SiblingQuery{Task: taskID(ship, 0)})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		last := ask()
		for _, step := range []struct {
			index, attempt int
			status         core.JobStatus
			want           []core.Sibling
		}{
			{1, 1, core.JobRunning, []core.Sibling{{Index: 1, Status: core.JobRunning, Attempt: 1}, {Index: 2, Status: core.JobQueued}}},
			{2, 1, core.JobSuccess, []core.Sibling{{Index: 1, Status: core.JobRunning, Attempt: 1}, {Index: 2, Status: core.JobSuccess, Attempt: 1}}},
			{1, 2, core.JobQueued, []core.Sibling{{Index: 1, Status: core.JobQueued, Attempt: 2}, {Index: 2, Status: core.JobSuccess, Attempt: 1}}},
			{1, 2, core.JobRunning, []core.Sibling{{Index: 1, Status: core.JobRunning, Attempt: 2}, {Index: 2, Status: core.JobSuccess, Attempt: 1}}},
			{1, 2, core.JobFailed, []core.Sibling{{Index: 1, Status: core.JobFailed, Attempt: 2}, {Index: 2, Status: core.JobSuccess, Attempt: 1}}},
		} {
			b.reportTask(taskID(ship, step.index), step.attempt, step.status)
			got := ask()
			if diff := cmp.Diff(step.want, got.Tasks); diff != "" {
				t.Errorf("after %+v (-want +got):\n%s", step, diff)
			}
			if got.Version == last.Version {
				t.Errorf("after %+v the version is still %s", step, got.Version)
			}
			last = got
		}
		if _, err := b.svc.TaskSiblings(b.ctx, core.SiblingQuery{Task: "none"}); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("an unknown task: got %v", err)
		}
	})
}

// TestSiblingsWait: who knows all there is waits for the next change, or for the
// end of its patience, of its call, or of the service.
func TestSiblingsWait(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.svc.cfg.Poll = time.Hour // the hint alone
		b.create(plan("w", deploying("ship")))
		ship := b.job("w", "ship").ID
		known, err := b.svc.TaskSiblings(b.ctx, core.SiblingQuery{Task: taskID(ship, 0)})
		if err != nil {
			t.Fatal(err)
		}
		query := core.SiblingQuery{Task: taskID(ship, 0), Known: known.Version, Wait: time.Hour}
		type answer struct {
			found core.Siblings
			err   error
		}
		wait := func(ctx context.Context) <-chan answer {
			got := make(chan answer, 1)
			go func() {
				found, err := b.svc.TaskSiblings(ctx, query)
				got <- answer{found, err}
			}()
			return got
		}
		waiting := wait(b.ctx)
		b.reportTask(taskID(ship, 2), 1, core.JobRunning)
		if got := <-waiting; got.err != nil || got.found.Version == known.Version || got.found.Tasks[1].Status != core.JobRunning {
			t.Fatalf("got %+v", got)
		} else {
			query.Known = got.found.Version
		}
		gone, cancel := context.WithCancel(b.ctx)
		waiting = wait(gone)
		cancel()
		if got := <-waiting; got.err == nil {
			t.Errorf("a call that ended was answered: %+v", got)
		}
		short := query
		short.Wait = time.Millisecond
		if found, err := b.svc.TaskSiblings(b.ctx, short); err != nil || found.Version != query.Known {
			t.Errorf("after its patience: got %+v, %v", found, err)
		}
		waiting = wait(b.ctx)
		b.svc.leave()
		if got := <-waiting; got.err != nil || got.found.Version != query.Known {
			t.Errorf("at the end of the service: got %+v", got)
		}
	})
}

// TestTheDeployingTaskIsHeld: it must not take a slot, or a client's memory, from
// those for which it waits. The queue gets it when they have all begun, whatever
// becomes of them then. Elsewhere the first task is queued with the others.
func TestTheDeployingTaskIsHeld(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		wide := build("wide")
		wide.Parallelism = 2
		b.create(plan("w", deploying("ship"), deploying("stopped"), wide))
		b.deliver()
		ship, stopped := b.job("w", "ship").ID, b.job("w", "stopped").ID
		queued := func(id core.JobID) (indexes []int) {
			order, _ := b.queue.snapshot()
			for i := range 3 {
				if slices.Contains(order, taskID(id, i)) {
					indexes = append(indexes, i)
				}
			}
			return indexes
		}
		for _, step := range []struct {
			index, attempt int
			status         core.JobStatus
			want           []int
		}{
			{0, 0, "", []int{1, 2}},
			{1, 1, core.JobRunning, []int{1, 2}},
			{1, 2, core.JobQueued, []int{1, 2}}, // lost, and tried again
			{2, 1, core.JobFailed, []int{1, 2}},
			{1, 2, core.JobRunning, []int{0, 1, 2}},
		} {
			if step.status != "" {
				b.reportTask(taskID(ship, step.index), step.attempt, step.status)
				b.deliver()
			}
			if diff := cmp.Diff(step.want, queued(ship)); diff != "" {
				t.Errorf("after %+v the queue has (-want +got):\n%s", step, diff)
			}
		}
		if diff := cmp.Diff([]int{0, 1}, queued(b.job("w", "wide").ID)); diff != "" {
			t.Errorf("the queue has of a job that deploys nothing (-want +got):\n%s", diff)
		}
		for i := range 3 { // the queue goes on holding it, at each further try
			if got := b.queue.tasks[taskID(ship, i)]; got.Job != ship || got.Follows != (i == 0) {
				t.Errorf("task %d came to the queue as %+v", i, got)
			}
		}
		if got := b.queue.tasks[taskID(b.job("w", "wide").ID, 0)]; got.Job != "" || got.Follows {
			t.Errorf("a task of a job that deploys nothing came to the queue as %+v", got)
		}
		// A cancel ends one that is still held.
		if err := b.svc.CancelJob(b.ctx, core.JobCancel{Job: stopped}); err != nil {
			t.Fatal(err)
		}
		b.deliver()
		if _, canceled := b.queue.snapshot(); !canceled[taskID(stopped, 0)] {
			t.Errorf("the queue was told to cancel %v", canceled)
		}
	})
}

// TestAHeldTaskSaysWhy: the queue does not know of it yet. Its job goes by those
// of which the queue does.
func TestAHeldTaskSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", deploying("ship")))
		b.deliver()
		if got := b.jobs("w")[0].Reason; got != "no room in the pool" {
			t.Errorf("in the list the job says %q", got)
		}
		const held = "waits until all other nodes of its job have begun"
		reasons := func() (all [4]string) {
			j := b.job("w", "ship")
			return [4]string{j.Reason, j.Tasks[0].Reason, j.Tasks[1].Reason, j.Tasks[2].Reason}
		}
		if diff := cmp.Diff([4]string{"no room in the pool", held, "no room in the pool", "no room in the pool"}, reasons()); diff != "" {
			t.Errorf("job and tasks (-want +got):\n%s", diff)
		}
		ship := b.job("w", "ship").ID
		b.reportTask(taskID(ship, 1), 1, core.JobRunning)
		if diff := cmp.Diff([4]string{"", held, "", "no room in the pool"}, reasons()); diff != "" {
			t.Errorf("with one that runs (-want +got):\n%s", diff)
		}
		b.reportTask(taskID(ship, 2), 1, core.JobRunning)
		b.deliver()
		if diff := cmp.Diff([4]string{"", "no room in the pool", "", ""}, reasons()); diff != "" {
			t.Errorf("with all others running (-want +got):\n%s", diff)
		}
	})
}
