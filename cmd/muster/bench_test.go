// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/module"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// BenchmarkCoordination runs jobs through workflows and queue as they run in
// one process, with their own tables, HTTP and identities between them, and
// with placements that say of every attempt at once that it ran and succeeded.
// One iteration lasts from the creation of the first workflow to the end of the
// last; a hundred jobs are run ten times, since once is over too soon to
// measure. It reports jobs per second and the processor time of a job, without
// PostgreSQL's own. SQLite waits for the disk at every commit, as in
// production; the tests' PostgreSQL does not.
func BenchmarkCoordination(b *testing.B) {
	for _, driver := range []string{store.SQLite, store.Postgres} {
		for _, shape := range []struct {
			name        string
			perWorkflow int
		}{{"one_workflow", 10_000}, {"workflows_of_20", 20}} {
			for _, jobs := range []int{100, 10_000} {
				b.Run(fmt.Sprintf("%s/%s/%d", driver, shape.name, jobs), func(b *testing.B) {
					benchmarkCoordination(b, driver, jobs, min(jobs, shape.perWorkflow))
				})
			}
		}
	}
}

func benchmarkCoordination(b *testing.B, driver string, jobs, perWorkflow int) {
	c := startCoordination(b, driver)
	c.round(b, 0, 20, 20) // connections, prepared statements, the first names
	var wall, processor time.Duration
	rounds := 0
	for b.Loop() {
		began, before := time.Now(), processorTime(b)
		for range max(1, 1000/jobs) {
			rounds++
			c.round(b, rounds, jobs, perWorkflow)
		}
		wall, processor = wall+time.Since(began), processor+processorTime(b)-before
	}
	total := float64(rounds * jobs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(total/wall.Seconds(), "jobs/s")
	b.ReportMetric(float64(processor.Microseconds())/total, "cpu-us/job")
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// coordination is a process of workflows, queue and stub placements.
type coordination struct {
	seams *seams
	stub  *stubPlacements
}

// startCoordination returns when both services are ready; they stop when the
// benchmark ends.
func startCoordination(b *testing.B, driver string) *coordination {
	b.Helper()
	dir := b.TempDir()
	dsn := filepath.Join(dir, "db")
	if driver == store.Postgres {
		dsn = storetest.PostgresDSN(b)
	}
	text := fmt.Sprintf("store {\n  driver = %q\n  dsn = %q\n}\n", driver, dsn)
	s, err := settings.Parse("bench.hcl", []byte(text), dir, serviceNames())
	if err != nil {
		b.Fatal(err)
	}
	s.Listen.Internal = ""
	m, err := newSeams(s, hclog.New(&hclog.LoggerOptions{Level: hclog.Warn}), "")
	if err != nil {
		b.Fatal(err)
	}
	c := &coordination{seams: m, stub: &stubPlacements{queue: m.peersOf("placements").Queue(), more: make(chan struct{}, 1), ended: make(chan struct{}, 1)}}
	c.run(b)
	return c
}

// run starts what runServices would, with the stub in its place.
func (c *coordination) run(b *testing.B) {
	b.Helper()
	made := map[string]*running{"placements": {service: c.stub, internal: c.stub.Routes}}
	parts := []module.Module{{Name: "placements", Run: c.stub.Run}}
	for _, row := range services {
		if row.name != "workflows" && row.name != "queue" {
			continue
		}
		r, err := row.make(c.seams)
		if err != nil {
			b.Fatal(err)
		}
		made[row.name] = r
		parts = append(parts, module.Module{Name: row.name, Run: r.service.Run, Ready: r.service.Ready})
	}
	internal, err := c.seams.internalModules(made)
	if err != nil {
		b.Fatal(err)
	}
	ready := make(chan struct{})
	parts = append(parts, module.Module{Name: "ready", Run: func(ctx context.Context) error {
		close(ready)
		<-ctx.Done()
		return nil
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- module.Run(ctx, c.seams.logger, slices.Concat(internal, c.seams.modules, parts))
	}()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Errorf("stopping: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		b.Fatalf("starting: %v", err)
	}
}

// roundTimeout is far more than a round takes on a loaded machine.
const roundTimeout = 3 * time.Minute

// round creates workflows with the given number of jobs in all, none of which
// requires another, and returns when all have succeeded.
func (c *coordination) round(b *testing.B, number, jobs, perWorkflow int) {
	b.Helper()
	pipeline := core.PipelineContext{
		ID: core.PipelineID(core.NewID()), Number: int64(number + 1),
		Project: core.Project{
			ID: "3f3bde0c-6d1a-4b57-9d8e-0a4f8c1f2e01", Name: "site", DefaultBranch: "main",
			Organization: core.Organization{ID: "3f3bde0c-6d1a-4b57-9d8e-0a4f8c1f2e02", VCS: "gh", Name: "acme"},
		},
		Trigger: core.Trigger{Type: core.TriggerAPI},
		Source:  core.Source{Branch: "main"},
	}
	c.stub.expect(jobs)
	workflows := c.seams.peersOf("pipelines").Workflows()
	for first := 0; first < jobs; first += perWorkflow {
		w := core.NewWorkflow{ID: core.WorkflowID(core.NewID()), Pipeline: pipeline, Plan: widePlan(min(perWorkflow, jobs-first))}
		if err := workflows.CreateWorkflows(b.Context(), []core.NewWorkflow{w}); err != nil {
			b.Fatalf("creating a workflow: %v", err)
		}
	}
	select {
	case <-c.stub.ended:
	case <-time.After(roundTimeout):
		b.Fatalf("%d of %d attempts were not placed after %s", c.stub.left.Load(), jobs, roundTimeout)
	}
	c.awaitSuccess(b, pipeline.ID)
}

func widePlan(jobs int) core.WorkflowPlan {
	plan := core.WorkflowPlan{Name: "main"}
	for i := range jobs {
		plan.Jobs = append(plan.Jobs, core.JobPlan{
			Name: fmt.Sprintf("job-%d", i), Type: core.JobBuild, Executor: core.Executor{Kind: core.ExecutorMachine},
			Steps: []core.StepPlan{{Kind: core.StepRun, Name: "Nothing", Run: &core.RunStep{Command: "true"}}},
		})
	}
	return plan
}

// awaitSuccess asks until the last reports have arrived; the queue has all of
// them already.
func (c *coordination) awaitSuccess(b *testing.B, id core.PipelineID) {
	b.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(roundTimeout)
	defer tick.Stop()
	workflows := c.seams.peersOf("pipelines").Workflows()
	for {
		all, err := workflows.PipelineWorkflows(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		open := 0
		for _, w := range all {
			switch w.Status {
			case core.WorkflowSuccess:
			case core.WorkflowRunning:
				open++
			default:
				b.Fatalf("workflow %s is %s, want success", w.ID, w.Status)
			}
		}
		if open == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			b.Fatalf("%d of %d workflows have not ended after %s", open, len(all), roundTimeout)
		}
	}
}

// stubPlacements is a cluster on which everything succeeds at once. Like the
// real service it acknowledges first and reports afterwards, in batches.
type stubPlacements struct {
	queue core.Queue
	more  chan struct{}
	ended chan struct{}
	left  atomic.Int64 // attempts to come

	mu      sync.Mutex
	pending []core.Attempt
	known   map[core.AttemptID]bool
}

func (s *stubPlacements) expect(attempts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = make(map[core.AttemptID]bool, attempts)
	s.left.Store(int64(attempts))
}

// Place implements that part of core.Placements that the queue needs here.
func (s *stubPlacements) Place(_ context.Context, attempts []core.Attempt) error {
	s.mu.Lock()
	for _, a := range attempts {
		if !s.known[a.ID] { // a call may be repeated
			s.known[a.ID] = true
			s.pending = append(s.pending, a)
		}
	}
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return nil
}

// Routes mounts it where the queue looks for placements.
func (s *stubPlacements) Routes(r gin.IRouter) { r.POST("/place", httpx.Action(s.Place)) }

// Ready implements control.
func (s *stubPlacements) Ready(context.Context) error { return nil }

// Run reports what has been placed, in one call for all that is there.
func (s *stubPlacements) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.more:
		}
		s.mu.Lock()
		placed := s.pending
		s.pending = nil
		s.mu.Unlock()
		var reports []core.AttemptReport
		for _, status := range []core.JobStatus{core.JobRunning, core.JobSuccess} {
			for _, a := range placed {
				reports = append(reports, core.AttemptReport{Attempt: a.ID, Task: a.Task, Status: status, At: time.Now()})
			}
		}
		if err := s.queue.ReportAttempts(ctx, reports); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("reporting attempts: %w", err)
		}
		if s.left.Add(-int64(len(placed))) == 0 {
			s.ended <- struct{}{}
		}
	}
}
