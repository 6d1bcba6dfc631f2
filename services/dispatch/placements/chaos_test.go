// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// dice rolls for several goroutines.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func (d *dice) roll(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.IntN(n)
}

// away fails one call in n, some as if the call had been lost.
func (d *dice) away(n int) error {
	if d.roll(n) > 0 {
		return nil
	}
	return core.Errorf(core.CodeUnavailable, "away: %w", errors.New("lost"))
}

// TestChaos places attempts on two instances while calls fail, events get
// lost, streams break, stops and claims race with endings, and an instance is
// replaced. In the end each attempt has one final word and the cluster holds
// nothing.
func TestChaos(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "placements", func(t *testing.T, open func() *store.DB) {
		d := &dice{rand: rand.New(rand.NewPCG(3, 4))}
		shared := fakes()
		shared.peers.fail = func() error { return d.away(6) }
		shared.cluster.FailWith(func(string, core.AttemptID) error { return d.away(6) })
		first, f := shared.start(t, quick(), open()), shared.start(t, quick(), open())
		ids := make([]core.AttemptID, 40)
		var wg sync.WaitGroup
		for i := range ids {
			ids[i] = core.NewAttemptID()
			wg.Add(1)
			go func() {
				defer wg.Done()
				live(f, d, ids[i])
			}()
		}
		f.until(t, "some attempts to end", func() bool { return countEnded(f, ids) > 5 })
		first.stop()
		shared.cluster.Break()
		shared.start(t, quick(), open())
		wg.Wait()
		f.until(t, "all attempts to end", func() bool { return countEnded(f, ids) == len(ids) })
		shared.cluster.FailWith(func(string, core.AttemptID) error { return nil })
		f.until(t, "the cluster to be empty", func() bool {
			list, err := f.cluster.List(context.Background())
			return err == nil && len(list) == 0
		})
		for _, id := range ids {
			if finals := f.peers.finals(id); len(finals) != 1 {
				t.Errorf("%s has %d final reports, want 1: %+v", id, len(finals), finals)
			}
			if n := f.cluster.Submitted(id); n > 1 {
				t.Errorf("%s was started %d times", id, n)
			}
		}
	})
}

func countEnded(f *site, ids []core.AttemptID) (n int) {
	for _, id := range ids {
		if len(f.peers.finals(id)) > 0 {
			n++
		}
	}
	return n
}

// live is the life of an attempt: placed more than once, started, perhaps
// claimed, perhaps stopped, ended by agent or cluster.
func live(f *site, d *dice, id core.AttemptID) {
	ctx := context.Background()
	for range 2 {
		_ = f.Place(ctx, []core.Attempt{{ID: id, Task: core.TaskID(id), Number: 1, Executor: core.ExecutorDocker}})
	}
	if d.roll(6) == 0 {
		_ = f.StopAttempts(ctx, []core.AttemptID{id})
	}
	if !f.awaitStart(id) {
		return
	}
	quiet := d.roll(2) == 0
	f.cluster.SetExisting(id, quiet, func(a *cluster.Allocation) {
		a.ID, a.Node, a.State = "alloc-"+string(id), "node1", cluster.Running
	})
	claimed := false
	for range 3 {
		_, err := f.Claim(ctx, core.Claim{Attempt: id, Allocation: "alloc-" + string(id), Nonce: "n"})
		claimed = claimed || err == nil
	}
	if d.roll(4) == 0 {
		_ = f.StopAttempts(ctx, []core.AttemptID{id})
	}
	if claimed && d.roll(2) == 0 {
		_ = f.ReportAgents(ctx, []core.AgentReport{{Attempt: id, Status: core.JobRunning}, {Attempt: id, Status: core.JobSuccess}})
		_ = f.ReportAgents(ctx, []core.AgentReport{{Attempt: id, Status: core.JobFailed}})
	}
	if d.roll(5) == 0 {
		f.cluster.Lose(id)
		return
	}
	f.cluster.SetExisting(id, quiet, func(a *cluster.Allocation) { a.State, a.Kind, a.Reason = cluster.Ended, cluster.Killed, "why not" })
}
