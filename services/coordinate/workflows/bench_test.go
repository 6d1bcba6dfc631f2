// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// BenchmarkJobs runs build jobs through the service with a queue that at once
// says of every task that it ran and succeeded, and reports jobs per second. One
// iteration creates the jobs and lasts until the last has ended. SQLite writes
// with fsync here, as in production.
func BenchmarkJobs(b *testing.B) {
	for _, driver := range []string{store.SQLite, store.Postgres} {
		for _, jobs := range []int{100, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/one_workflow/%d", driver, jobs), func(b *testing.B) {
				benchmarkJobs(b, driver, jobs, jobs)
			})
			b.Run(fmt.Sprintf("%s/many_workflows/%d", driver, jobs), func(b *testing.B) {
				benchmarkJobs(b, driver, jobs, 20)
			})
		}
	}
}

func benchmarkJobs(b *testing.B, driver string, jobs, perWorkflow int) {
	cfg := store.Config{Driver: store.SQLite, DSN: b.TempDir()}
	if driver == store.Postgres {
		cfg = store.Config{Driver: store.Postgres, DSN: storetest.PostgresDSN(b)}
	}
	db, err := store.Open(b.Context(), cfg, "workflows")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	queue := &eagerQueue{fakeQueue: newFakeQueue(), tasks: make(chan []core.QueuedTask, 10_000)}
	svc := newService(b, Default(), db, queue, time.Now)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 2)
	go func() { done <- svc.Run(ctx) }()
	ended := make(chan struct{}, 1)
	go func() { done <- queue.report(ctx, svc, ended) }()
	before := cpuTime()
	b.ResetTimer()
	for i := range b.N {
		queue.want.Store(int64(jobs))
		for w, n := range workflowsOf(i, jobs, perWorkflow) {
			if err := svc.CreateWorkflows(ctx, []core.NewWorkflow{n}); err != nil {
				b.Fatalf("creating workflow %d: %v", w, err)
			}
		}
		<-ended
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N*jobs)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*jobs), "us/job")
	b.ReportMetric((cpuTime()-before).Seconds()*1e6/float64(b.N*jobs), "cpu-us/job")
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	var open int
	if err := db.NewSelect().Model((*workflow)(nil)).ColumnExpr("count(*)").Where("status <> 'success'").Scan(b.Context(), &open); err != nil || open != 0 {
		b.Fatalf("%d workflows did not succeed (%v)", open, err)
	}
}

// cpuTime is what this process has used so far, without PostgreSQL's own. It
// tells more than the clock does on a machine that has other work.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// workflowsOf makes workflows of layers ten jobs wide, each job waiting for two
// of the layer before.
func workflowsOf(run, jobs, perWorkflow int) []core.NewWorkflow {
	var out []core.NewWorkflow
	for start := 0; start < jobs; start += perWorkflow {
		n := plan(core.WorkflowID(derive("bench", fmt.Sprint(run), start)))
		for i := range perWorkflow {
			var requires []core.Requirement
			if i >= 10 {
				layer := i/10*10 - 10
				requires = []core.Requirement{after(fmt.Sprintf("job-%d", layer+i%10)), after(fmt.Sprintf("job-%d", layer+(i+1)%10))}
			}
			n.Plan.Jobs = append(n.Plan.Jobs, build(fmt.Sprintf("job-%d", i), requires...))
		}
		out = append(out, n)
	}
	return out
}
