// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// TestStoppedByTheCluster has an agent tell that it was asked to end, by a
// client that is drained: the attempt ends with the cluster's words for it, is
// the infrastructure's, and may be tried again.
func TestStoppedByTheCluster(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.Relist = time.Hour // the news must not come first
	f := fakes().start(t, cfg, storetest.Open(t, "placements"))
	for name, tt := range map[string]struct {
		change func(*cluster.Allocation)
		want   string
	}{
		"being drained":         {func(a *cluster.Allocation) { a.Reason = "drained" }, "the job was stopped from outside on node node1: drained"},
		"nothing is known":      {func(*cluster.Allocation) {}, "SIGTERM"},
		"the agent's own doing": {func(a *cluster.Allocation) { a.State, a.Reason = cluster.Ended, "exit status 1" }, "SIGTERM"},
		"drained and gone": {func(a *cluster.Allocation) { a.State, a.Kind, a.Reason = cluster.Ended, cluster.Killed, "drained" },
			"the job was stopped from outside on node node1: drained"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := f.placed(t)
			f.claim(t, id)
			f.until(t, "the node to be known", func() bool { return f.row(t, id).Node != "" })
			f.cluster.Set(id, true, tt.change)
			err := f.ReportAgents(t.Context(), []core.AgentReport{{Attempt: id, Status: core.JobInfrastructureFail, Reason: "SIGTERM", At: time.Now()}})
			if err != nil {
				t.Fatal(err)
			}
			if got := f.final(t, id); got.Status != core.JobInfrastructureFail || got.Reason != tt.want || !got.Retryable {
				t.Errorf("got %+v, want %q and another try", got, tt.want)
			}
			if tt.want != "SIGTERM" {
				f.until(t, "output to be told", func() bool {
					f.peers.mu.Lock()
					defer f.peers.mu.Unlock()
					return f.peers.closed[id].Reason == tt.want
				})
			}
		})
	}
}

// TestStoppedByMuster: what an agent says of a signal does not count where
// Muster itself wanted its end.
func TestStoppedByMuster(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := &change{cfg: Config{LimitSlack: time.Minute}, now: now}
	said := core.AgentReport{Status: core.JobInfrastructureFail, Reason: "SIGTERM"}
	canceled := &attempt{StopAt: store.At(now)}
	if got, want := c.broken(canceled, said, "stopped"), (ending{status: core.JobCanceled}); got != want {
		t.Errorf("canceled: got %+v, want %+v", got, want)
	}
	late := &attempt{Nonce: "n", ClaimedAt: store.At(now.Add(-2 * time.Hour)), Limit: time.Hour.Microseconds()}
	want := ending{status: core.JobTimedOut, reason: "the job ran longer than its limit of 1h0m0s"}
	if got := c.broken(late, said, "stopped"); got != want {
		t.Errorf("too long: got %+v, want %+v", got, want)
	}
}
