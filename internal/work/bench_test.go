// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/work"
)

// BenchmarkClaims reports how many rows one loop claims, handles and records
// per second, next to finished rows that it has to pass over. SQLite syncs each
// commit; the tests' PostgreSQL does not.
func BenchmarkClaims(b *testing.B) {
	for _, driver := range []string{store.SQLite, store.Postgres} {
		for _, finished := range []int{0, 20_000} {
			for _, batch := range []int{1, 64} {
				b.Run(fmt.Sprintf("%s/finished=%d/batch=%d", driver, finished, batch), func(b *testing.B) {
					benchmarkClaims(b, driver, finished, batch)
				})
			}
		}
	}
}

func benchmarkClaims(b *testing.B, driver string, finished, batch int) {
	cfg := store.Config{Driver: driver, DSN: b.TempDir()}
	if driver == store.Postgres {
		cfg.DSN = storetest.PostgresDSN(b)
	}
	db, err := store.Open(b.Context(), cfg, "work")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	if err := db.Migrate(b.Context(), migrations); err != nil {
		b.Fatal(err)
	}
	insert(b, db, "old", finished, store.Time{})
	insert(b, db, "new", b.N, store.At(time.Now()))

	handled, left := make(chan struct{}), b.N
	loop, err := work.New(work.Config[*chore]{
		Name: "bench", Table: table, DB: db, Hints: hints.NewLocal(), Topic: topic, Batch: batch,
		Handle: func(_ context.Context, rows []*chore) []work.Result {
			if left -= len(rows); left == 0 {
				close(handled)
			}
			return results(rows, work.Done())
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	b.ResetTimer()
	go func() { ended <- loop.Run(ctx) }()
	<-handled
	cancel()
	<-ended
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func insert(b *testing.B, db *store.DB, prefix string, n int, due store.Time) {
	rows := make([]*chore, n)
	for i := range rows {
		rows[i] = &chore{Item: work.Item{ID: fmt.Sprintf("%s%08d", prefix, i), DueAt: due}}
	}
	for chunk := range slices.Chunk(rows, 1000) {
		if _, err := db.NewInsert().Model(&chunk).Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
