// SPDX-License-Identifier: MPL-2.0

package output

import (
	"net/http"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// TestTheClockJumps sets output's clock in mid-build, hours back and hours
// forward, while the agent's goes on. Nobody is turned away, what is told still
// reaches those who follow, and no step ends before it begins.
func TestTheClockJumps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		for name, jump := range map[string]time.Duration{"back": -3 * time.Hour, "forward": 3 * time.Hour} {
			t.Run(name, func(t *testing.T) {
				h := newHarness(t, open, Config{Poll: time.Hour})
				pipeline := core.PipelineID("jumps-" + name)
				news, stop := h.followSteps(pipeline)
				a := h.claimedIn(pipeline)
				agents := h.now()
				next(t, news, "the claim")
				a.tell(wire.Event{Type: wire.StepStarted, At: agents.Add(time.Second), Step: 0, Name: "across", Kind: "run"})
				next(t, news, "a step")
				h.advance(jump)
				a.tell(wire.Event{Type: wire.StepEnded, At: agents.Add(2 * time.Second), Step: 0, StepStatus: core.StepSuccess})
				across := next(t, news, "its end after the jump").Steps[0]
				a.tell(wire.Event{Type: wire.StepStarted, At: agents.Add(3 * time.Second), Step: 1, Name: "left over", Kind: "run"})
				next(t, news, "a step after the jump")
				b := h.claimedIn(pipeline)
				if got := next(t, news, "a claim after the jump"); got.Attempt != b.id {
					t.Errorf("told %+v, not of the claim", got)
				}
				if status := h.call("POST", wire.PathHeartbeat, a.token, wire.Heartbeat{}, nil); status != http.StatusOK {
					t.Errorf("a heartbeat after the jump: got %d", status)
				}
				a.end()
				left := next(t, news, "the end").Steps[1]
				for _, s := range []core.Step{across, left} {
					if s.StoppedAt == nil || s.StoppedAt.Before(s.StartedAt) {
						t.Errorf("%s began %s and ended %v", s.Name, s.StartedAt, s.StoppedAt)
					}
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		}
	})
}
