// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// family is a job of three tasks of which the first follows the others.
func family(job core.JobID, org core.OrganizationID, concurrency int) []core.QueuedTask {
	tasks := queued(3, org, concurrency)
	for i := range tasks {
		tasks[i].Job, tasks[i].Follows = job, i == 0
	}
	return tasks
}

// TestATaskFollowsTheOthers has one slot after the other taken, lost and given
// back: the task that follows is in none that another of its job needs, and
// whoever comes behind it does not wait for it.
func TestATaskFollowsTheOthers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "queue", func(t *testing.T, open func() *store.DB) {
		b := fakes()
		placed := b.placing()
		q := start(t, Config{}, open(), b)
		ctx := context.Background()
		report := func(a core.Attempt, status core.JobStatus) {
			t.Helper()
			r := core.AttemptReport{Attempt: a.ID, Status: status, Retryable: true, Reason: "because"}
			if err := q.ReportAttempts(ctx, []core.AttemptReport{r}); err != nil {
				t.Fatal(err)
			}
		}
		next := func(want core.TaskID, number int) core.Attempt {
			t.Helper()
			a := receive(t, placed, "attempt of "+string(want))
			if a.Task != want || a.Number != number {
				t.Fatalf("attempt %d of %s was placed, want %d of %s", a.Number, a.Task, number, want)
			}
			return a
		}
		why := func(want string) {
			t.Helper()
			got, err := q.Waiting(ctx, []core.TaskID{"org-00000"})
			if diff := cmp.Diff([]string{want}, got); err != nil || diff != "" {
				t.Errorf("why the task waits (%v, -want +got):\n%s", err, diff)
			}
		}
		const held = "waits until all other nodes of its job have begun"
		tasks := family("job", "org", 3)
		if err := q.Enqueue(ctx, tasks); err != nil {
			t.Fatal(err)
		}
		one, two := next("org-00001", 1), next("org-00002", 1)
		why(held)
		if err := q.Enqueue(ctx, family("another", "behind", 1)); err != nil { // passes it by
			t.Fatal(err)
		}
		next("behind-00001", 1)
		report(one, core.JobRunning)
		report(two, core.JobRunning)
		zero := next("org-00000", 1)
		report(zero, core.JobRunning)
		why("")

		// One is lost, and nobody knows where else it can be: zero gives its place
		// back and gets none until one has begun.
		report(one, core.JobInfrastructureFail)
		one = next("org-00001", 2)
		report(zero, core.JobInfrastructureFail)
		report(two, core.JobSuccess)
		younger := core.QueuedTask{ID: "org-younger", Organization: "org", Concurrency: 3, Executor: core.ExecutorDocker}
		if err := q.Enqueue(ctx, []core.QueuedTask{younger}); err != nil {
			t.Fatal(err)
		}
		next(younger.ID, 1)
		why("attempt 1 of 3 ended without a result (because); the task is tried again; " + held)
		report(one, core.JobRunning)
		zero = next("org-00000", 2)

		// One is lost before zero has begun, and has no try left but one.
		report(one, core.JobInfrastructureFail)
		one = next("org-00001", 3)
		report(zero, core.JobInfrastructureFail)
		report(one, core.JobFailed) // it never began
		zero = next("org-00000", 3)
		report(zero, core.JobSuccess)
		b.tasks.wait(t, "the end of the task that follows", func() bool { return len(b.tasks.finals("org-00000")) == 1 })
	})
}

// TestATaskFollowsInTheOnlySlot: with one slot the other that was lost has it
// first, though the one that follows waits for it as well.
func TestATaskFollowsInTheOnlySlot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "queue", func(t *testing.T, open func() *store.DB) {
		b := fakes()
		var mu sync.Mutex
		var order []core.TaskID
		lost := 0
		b.placements.onPlace = func(as []core.Attempt) error {
			mu.Lock()
			defer mu.Unlock()
			for _, a := range as {
				order = append(order, a.Task)
				final := core.AttemptReport{Attempt: a.ID, Status: core.JobSuccess}
				if a.Task == "org-00001" && lost < 2 {
					lost++
					final.Status, final.Retryable = core.JobInfrastructureFail, true
				}
				for _, r := range []core.AttemptReport{{Attempt: a.ID, Status: core.JobRunning}, final} {
					if err := b.queue.ReportAttempts(context.Background(), []core.AttemptReport{r}); err != nil {
						return err
					}
				}
			}
			return nil
		}
		q := start(t, Config{}, open(), b)
		tasks := family("job", "org", 1)[:2]
		if err := q.Enqueue(context.Background(), tasks); err != nil {
			t.Fatal(err)
		}
		b.tasks.wait(t, "the end of both", func() bool { return ended(b.tasks, tasks) == 2 })
		mu.Lock()
		defer mu.Unlock()
		want := []core.TaskID{"org-00001", "org-00001", "org-00001", "org-00000"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("the order of attempts (-want +got):\n%s", diff)
		}
	})
}
