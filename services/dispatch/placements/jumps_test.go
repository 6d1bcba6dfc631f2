// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/store"
)

// TestNoBuildEndsForALeapOfTheClock sets the clock six hours forward while one
// build runs and one has not claimed its work yet. Neither is stopped before its
// time has really passed, and one that is claimed afterwards has the usual time.
func TestNoBuildEndsForALeapOfTheClock(t *testing.T) {
	t.Parallel()
	cfg := Default()
	wall, passed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Duration(0)
	j := newJumps()
	j.elapsed = func() time.Duration { return passed }
	pass := func(d time.Duration) { wall, passed = wall.Add(d), passed+d }
	submitted := func() *attempt { return &attempt{State: stateSubmitted} }
	look := func(what string, a *attempt, want step) {
		t.Helper()
		j.look(wall)
		if got, at := a.next(cfg, wall, j); got != want {
			t.Errorf("%s: got step %v, to be looked at %s; want %v", what, got, at, want)
		}
	}
	j.look(wall)
	running, started := submitted(), submitted()
	running.Nonce, running.ClaimedAt, started.StartedAt = "n", store.At(wall), store.At(wall)
	pass(40 * time.Second)
	j.look(wall)
	wall = wall.Add(6 * time.Hour)
	look("running", running, stepWait)
	look("not claimed", started, stepWait)
	later := submitted()
	later.Nonce, later.ClaimedAt = "n", store.At(wall)
	pass(cfg.ClaimTimeout)
	look("not claimed in its time", started, stepStop)
	pass(cfg.TimeLimit + cfg.LimitSlack - cfg.ClaimTimeout - time.Minute)
	look("running", running, stepWait)
	pass(time.Minute)
	look("running for longer than it may", running, stepStop)
	look("claimed after the leap", later, stepStop)
}
