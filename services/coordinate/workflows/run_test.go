// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// TestTwoProcesses runs the real loops of two processes on one database, one of
// which is restarted at every fifth hand-over, with a queue that loses answers
// and reports everything twice, to both at once. Every job must succeed.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "workflows", func(t *testing.T, open func() *store.DB) {
		s := newStress(t, open)
		s.steady = s.start()
		s.restart()
		workflows := workflowsOf(0, 240, 60)
		for _, n := range workflows {
			if err := s.steady.svc.CreateWorkflows(t.Context(), []core.NewWorkflow{n}); err != nil {
				t.Fatal(err)
			}
		}
		for reported := 0; reported < 240; {
			batch := <-s.queue.tasks
			if s.calls++; s.calls%5 == 0 {
				s.restart()
			}
			reported += s.reportAll(batch)
		}
		for _, n := range workflows {
			w, err := s.steady.svc.Workflow(t.Context(), n.ID)
			if err != nil || w.Status != core.WorkflowSuccess {
				t.Errorf("workflow %s is %s (%v), want success", n.ID, w.Status, err)
			}
		}
		s.steady.stop()
		s.shaky.stop()
	})
}

type stress struct {
	t      *testing.T
	open   func() *store.DB
	queue  *lossyQueue
	calls  int
	seen   map[core.TaskID]bool
	steady *process
	shaky  *process
}

type process struct {
	svc  *Service
	stop func()
}

func newStress(t *testing.T, open func() *store.DB) *stress {
	q := &lossyQueue{eagerQueue: eagerQueue{fakeQueue: newFakeQueue(), tasks: make(chan []core.QueuedTask, 10_000)}}
	return &stress{t: t, open: open, queue: q, seen: map[core.TaskID]bool{}}
}

func (s *stress) start() *process {
	s.t.Helper()
	cfg := testConfig()
	cfg.HandoverBatch = 7
	cfg.Lease = time.Second
	svc := newService(s.t, cfg, s.open(), s.queue, time.Now)
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	return &process{svc: svc, stop: func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("running: %v", err)
		}
	}}
}

func (s *stress) restart() {
	if s.shaky != nil {
		s.shaky.stop()
	}
	s.shaky = s.start()
}

// reportAll says of tasks that are new that they ran and succeeded, twice and in
// no order, and returns how many there were.
func (s *stress) reportAll(batch []core.QueuedTask) int {
	s.t.Helper()
	var reports []core.TaskReport
	tasks := 0
	for _, q := range batch {
		if s.seen[q.ID] {
			continue
		}
		s.seen[q.ID] = true
		tasks++
		for _, status := range []core.JobStatus{core.JobRunning, core.JobSuccess} {
			reports = append(reports, core.TaskReport{Task: q.ID, Attempt: 1, Status: status})
		}
	}
	var wg sync.WaitGroup
	for _, to := range []*Service{s.steady.svc, s.shaky.svc} {
		mine := append([]core.TaskReport(nil), reports...)
		rand.Shuffle(len(mine), func(i, k int) { mine[i], mine[k] = mine[k], mine[i] })
		wg.Go(func() {
			if err := to.ReportTasks(s.t.Context(), mine); err != nil {
				s.t.Errorf("reporting: %v", err)
			}
		})
	}
	wg.Wait()
	return tasks
}

// lossyQueue loses every third answer after it has taken the tasks.
type lossyQueue struct {
	eagerQueue
	mu    sync.Mutex
	calls int
}

func (q *lossyQueue) Enqueue(ctx context.Context, tasks []core.QueuedTask) error {
	_ = q.eagerQueue.Enqueue(ctx, tasks)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.calls++; q.calls%3 == 0 {
		return errAway
	}
	return nil
}

// TestAutoCancelRuns goes through the loop of branches.
func TestAutoCancelRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "workflows"))
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	go func() { done <- b.svc.Run(ctx) }()
	for number := range int64(2) {
		n := plan(core.WorkflowID(fmt.Sprintf("w%d", number)), build("a"))
		n.Pipeline = pipelineContext(number + 1)
		n.Pipeline.Source.Branch = "feature"
		b.create(n)
	}
	for {
		<-b.queue.changed
		if _, canceled := b.queue.snapshot(); len(canceled) == 1 {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if w := b.workflow("w0"); w.Status != core.WorkflowRunning {
		t.Errorf("got %s, want running until the task has stopped", w.Status)
	}
	if err := b.svc.Ready(b.ctx); err != nil {
		t.Errorf("not ready: %v", err)
	}
}
