// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// BenchmarkPlacements takes attempts through a whole life on a cluster without
// cost: placed, submitted, started, claimed, ended by the agent, removed.
func BenchmarkPlacements(b *testing.B) {
	for _, driver := range []string{store.SQLite, store.Postgres} {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", driver, n), func(b *testing.B) { benchmarkPlacements(b, driver, n) })
		}
	}
}

func benchmarkPlacements(b *testing.B, driver string, n int) {
	cfg := store.Config{Driver: driver, DSN: b.TempDir()}
	if driver == store.Postgres {
		cfg.DSN = storetest.PostgresDSN(b)
	}
	db, err := store.Open(context.Background(), cfg, "placements")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	f := fakes().start(b, quick(), db)
	defer f.stop()
	b.ResetTimer()
	total := 0
	for b.Loop() {
		attempts := make([]core.Attempt, n)
		for i := range attempts {
			attempts[i] = core.Attempt{ID: core.NewAttemptID(), Task: core.TaskID(core.NewID()), Number: 1, Executor: core.ExecutorDocker}
		}
		if err := f.Place(context.Background(), attempts); err != nil {
			b.Fatal(err)
		}
		var wg sync.WaitGroup
		for part := range slices.Chunk(attempts, (n+15)/16) {
			wg.Add(1)
			go func() {
				defer wg.Done()
				f.serve(b, part)
			}()
		}
		wg.Wait()
		f.until(b, "the last removal", func() bool {
			list, err := f.cluster.List(context.Background())
			return err == nil && len(list) == 0 && len(f.peers.finals(attempts[n-1].ID)) == 1
		})
		total += n
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "attempts/s")
	b.ReportMetric(0, "ns/op")
}

// serve plays the agents of some attempts, each claiming by itself and
// reporting with the others.
func (f *site) serve(b *testing.B, attempts []core.Attempt) {
	reports := make([]core.AgentReport, 0, 2*len(attempts))
	for _, a := range attempts {
		f.awaitStart(a.ID)
		f.cluster.Start(a.ID)
		claim := core.Claim{Attempt: a.ID, Allocation: "alloc-" + string(a.ID), Nonce: "n"}
		if _, err := f.Claim(context.Background(), claim); err != nil {
			b.Error(err)
			return
		}
		reports = append(reports, core.AgentReport{Attempt: a.ID, Status: core.JobRunning}, core.AgentReport{Attempt: a.ID, Status: core.JobSuccess})
	}
	if err := f.ReportAgents(context.Background(), reports); err != nil {
		b.Error(err)
	}
}
