// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// chaos plays placements and cluster at once: it runs attempts, loses some,
// reports twice and late, fails now and then, and keeps count of what runs.
type chaos struct {
	t     *testing.T
	q     func() core.Queue
	limit map[core.OrganizationID]int

	mu   sync.Mutex
	rand *rand.Rand
	open map[core.OrganizationID]int
	wg   sync.WaitGroup
}

func orgOf(id core.TaskID) core.OrganizationID {
	return core.OrganizationID(id[:strings.LastIndexByte(string(id), '-')])
}

func (c *chaos) place(attempts []core.Attempt) error {
	for _, a := range attempts {
		org := orgOf(a.Task)
		c.mu.Lock()
		c.open[org]++
		if c.open[org] > c.limit[org] {
			c.t.Errorf("%s runs %d at once, want at most %d", org, c.open[org], c.limit[org])
		}
		lost := c.rand.IntN(4) == 0
		c.mu.Unlock()
		c.wg.Add(1)
		go c.run(a, org, lost)
	}
	return sometimes(c.rand, &c.mu, 5)
}

func (c *chaos) run(a core.Attempt, org core.OrganizationID, lost bool) {
	defer c.wg.Done()
	running := core.AttemptReport{Attempt: a.ID, Task: a.Task, Status: core.JobRunning, At: time.Now()}
	final := core.AttemptReport{Attempt: a.ID, Task: a.Task, Status: core.JobSuccess, At: time.Now()}
	if lost {
		final.Status, final.Retryable, final.Reason = core.JobInfrastructureFail, true, "node lost"
	}
	c.report(running, running)
	c.mu.Lock()
	c.open[org]--
	c.mu.Unlock()
	other := final
	other.Status, other.Retryable = core.JobFailed, false
	c.report(final, running, final, other)
}

func (c *chaos) report(reports ...core.AttemptReport) {
	for c.q().ReportAttempts(context.Background(), reports) != nil {
		time.Sleep(time.Millisecond)
	}
}

// TestNothingLostNothingTwice runs tasks of several organizations through two
// instances, one of which is replaced in the middle, while everything around
// fails: limits hold, and each task gets exactly one final word.
func TestNothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "queue", func(t *testing.T, open func() *store.DB) {
		b := fakes()
		r := rand.New(rand.NewPCG(7, 7))
		var mu sync.Mutex
		b.tasks.fail = func() error { return sometimes(r, &mu, 5) }
		cfg := Config{InFlight: 8, DefaultConcurrency: 3}
		first, second := start(t, cfg, open(), b), start(t, cfg, open(), b)
		c := &chaos{
			t: t, rand: rand.New(rand.NewPCG(1, 2)), open: map[core.OrganizationID]int{},
			limit: map[core.OrganizationID]int{"a": 2, "b": 5, "c": 3}, q: func() core.Queue { return second },
		}
		b.placements.onPlace = c.place
		var all []core.QueuedTask
		for org, n := range map[core.OrganizationID]int{"a": 30, "b": 60, "c": 10} {
			limit := c.limit[org]
			if org == "c" {
				limit = 0 // the default
			}
			all = append(all, queued(n, org, limit)...)
		}
		for range 2 {
			if err := second.Enqueue(context.Background(), all); err != nil {
				t.Fatal(err)
			}
		}
		b.tasks.wait(t, "the first ending", func() bool { return ended(b.tasks, all) > 0 })
		first.stop()
		start(t, cfg, open(), b)
		b.tasks.wait(t, "the last ending", func() bool { return ended(b.tasks, all) == len(all) })
		c.wg.Wait()
		// News travel on their own, so an announcement may come after the ending.
		b.tasks.wait(t, "the announcement of every attempt", func() bool { return announced(b.tasks, all) })
		for _, q := range all {
			checkStory(t, b.tasks, q.ID)
		}
	})
}

func ended(f *tasks, all []core.QueuedTask) (n int) {
	for _, q := range all {
		if len(f.finals(q.ID)) > 0 {
			n++
		}
	}
	return n
}

// announced tells whether each attempt but the first of every ended task was
// told of.
func announced(f *tasks, all []core.QueuedTask) bool {
	for _, q := range all {
		for n := 2; n <= f.finals(q.ID)[0].Attempt; n++ {
			if !hasReport(f, q.ID, n, core.JobQueued) {
				return false
			}
		}
	}
	return true
}

// checkStory holds what one task was told to have been: one final word, from
// the attempt that had a result or from the last that is allowed.
func checkStory(t *testing.T, f *tasks, id core.TaskID) {
	t.Helper()
	finals := f.finals(id)
	if len(finals) != 1 {
		t.Errorf("%s has %d final reports, want 1: %+v", id, len(finals), finals)
		return
	}
	last := finals[0]
	if last.Status != core.JobSuccess && (last.Status != core.JobInfrastructureFail || last.Attempt != 3) {
		t.Errorf("%s ended as %+v, want success, or infrastructure_fail of attempt 3", id, last)
	}
}

func hasReport(f *tasks, id core.TaskID, attempt int, status core.JobStatus) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.told[id] {
		if r.Attempt == attempt && r.Status == status {
			return true
		}
	}
	return false
}

func TestCancel(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "queue", func(t *testing.T, open func() *store.DB) {
		b := fakes()
		placed := b.placing()
		stopped := make(chan core.AttemptID, 10)
		b.placements.onStop = func(ids []core.AttemptID) error {
			for _, id := range ids {
				stopped <- id
			}
			return nil
		}
		q := start(t, Config{}, open(), b)
		ctx := context.Background()
		if err := q.Enqueue(ctx, queued(2, "o", 1)); err != nil {
			t.Fatal(err)
		}
		running := receive(t, placed, "a task to be placed")
		if err := q.CancelTasks(ctx, []core.TaskID{"o-00000", "o-00001", "unknown"}); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, stopped, "the attempt to be stopped"); got != running.ID {
			t.Errorf("stopped %s, want %s", got, running.ID)
		}
		b.tasks.wait(t, "the waiting task's end", func() bool { return len(b.tasks.finals("o-00001")) == 1 })
		if got := b.tasks.finals("o-00001")[0]; got.Status != core.JobCanceled || got.Attempt != 1 {
			t.Errorf("the waiting task ended as %+v, want canceled in attempt 1", got)
		}
		// The infrastructure's failure on the way out is no reason for a further
		// attempt, and the success that comes after it comes too late.
		for _, r := range []core.AttemptReport{
			{Attempt: running.ID, Status: core.JobInfrastructureFail, Retryable: true, Reason: "node lost"},
			{Attempt: running.ID, Status: core.JobSuccess},
		} {
			if err := q.ReportAttempts(ctx, []core.AttemptReport{r}); err != nil {
				t.Fatal(err)
			}
		}
		b.tasks.wait(t, "the running task's end", func() bool { return len(b.tasks.finals("o-00000")) == 1 })
		if got := b.tasks.finals("o-00000")[0]; got.Status != core.JobCanceled {
			t.Errorf("the running task ended as %+v, want canceled", got)
		}
	})
}

func receive[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("waited a minute for %s", what)
		panic("unreachable")
	}
}

func TestWaitingSaysWhy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "queue", func(t *testing.T, open func() *store.DB) {
		b := fakes()
		placed := b.placing()
		q := start(t, Config{InFlight: 2}, open(), b)
		ctx := context.Background()
		tasks := append(queued(3, "org", 1), queued(3, "other", 5)...)
		tasks = append(tasks, core.QueuedTask{ID: "wrong", Organization: "org", Concurrency: 1, Executor: core.ExecutorDocker, ResourceClass: "huge"})
		if err := q.Enqueue(ctx, tasks); err != nil {
			t.Fatal(err)
		}
		first := receive(t, placed, "the first task")
		receive(t, placed, "the second task")
		if err := q.ReportAttempts(ctx, []core.AttemptReport{{Attempt: first.ID, Status: core.JobQueued, Reason: "Nomad says: no nodes were eligible"}}); err != nil {
			t.Fatal(err)
		}
		b.tasks.wait(t, "the task of a class that is not there to end", func() bool { return len(b.tasks.finals("wrong")) == 1 })
		if got := b.tasks.finals("wrong")[0]; got.Status != core.JobFailed || !strings.Contains(got.Reason, "medium") {
			t.Errorf("the task of an unknown class ended as %+v, want failed with the classes there are", got)
		}
		named(t, q)
		got, err := q.Waiting(ctx, []core.TaskID{"org-00001", "other-00001", first.Task, "nobody", "wrong"})
		want := []string{
			"waits for a free slot: organization gh/acme runs 1 of 1",
			"waits for a free slot: pool default has 2 of 2 attempts in flight",
			"placed; Nomad says: no nodes were eligible", "", "",
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("reasons (%v, -want +got):\n%s", err, diff)
		}
	})
}

// named waits until the queue has learnt the names of organizations, which it
// asks for beside its work.
func named(t *testing.T, q *bench) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		n, err := q.deps.DB.NewSelect().Model((*organization)(nil)).Where("name = ''").Count(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the names of organizations were not learnt within a minute")
		}
	}
}
