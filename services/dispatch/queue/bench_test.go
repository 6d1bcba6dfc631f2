// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// BenchmarkQueue runs tasks through the queue with placements that end them at
// once: enqueued, released, placed, running, ended, reported. The time per task
// should be the same for every number of waiting tasks.
func BenchmarkQueue(b *testing.B) {
	for _, driver := range []string{store.SQLite, store.Postgres} {
		for _, waiting := range []int{100, 1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", driver, waiting), func(b *testing.B) { benchmarkQueue(b, driver, waiting) })
		}
	}
}

func benchmarkQueue(b *testing.B, driver string, waiting int) {
	cfg := store.Config{Driver: driver, DSN: b.TempDir()}
	if driver == store.Postgres {
		cfg.DSN = storetest.PostgresDSN(b)
	}
	db, err := store.Open(context.Background(), cfg, "queue")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	f := fakes()
	f.placements.onPlace = func(attempts []core.Attempt) error {
		reports := make([]core.AttemptReport, 0, 2*len(attempts))
		for _, status := range []core.JobStatus{core.JobRunning, core.JobSuccess} {
			for _, a := range attempts {
				reports = append(reports, core.AttemptReport{Attempt: a.ID, Task: a.Task, Status: status, At: time.Now()})
			}
		}
		return f.queue.ReportAttempts(context.Background(), reports)
	}
	q := start(b, Config{DefaultConcurrency: 64, InFlight: 64}, db, f)
	defer q.stop()
	b.ResetTimer()
	n := 0
	for i := 0; b.Loop(); i++ {
		var all []core.QueuedTask
		for org := range 10 {
			all = append(all, queued(waiting/10, core.OrganizationID(fmt.Sprintf("org%d-%d", i, org)), 0)...)
		}
		if err := q.Enqueue(context.Background(), all); err != nil {
			b.Fatal(err)
		}
		n += len(all)
		f.tasks.wait(b, "the last ending", func() bool { return f.tasks.ended() >= n })
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tasks/s")
	b.ReportMetric(0, "ns/op")
}
