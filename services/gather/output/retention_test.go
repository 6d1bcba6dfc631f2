// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// left counts the rows of an attempt in every table.
func (a *agent) left() map[string]int {
	a.h.t.Helper()
	counts := map[string]int{}
	for table, column := range map[string]string{"attempts": "id", "steps": "attempt_id", "streams": "attempt_id", "tokens": "attempt_id", "chunks": "attempt_id"} {
		n, err := a.h.service.deps.DB.NewSelect().TableExpr(table).Where("? = ?", bun.Ident(column), string(a.id)).Count(context.Background())
		if err != nil {
			a.h.t.Fatal(err)
		}
		if n > 0 {
			counts[table] = int(n)
		}
	}
	return counts
}

// TestOldAttemptsAreRemoved lets an operator choose times only after output has
// come to rest under none: it goes all the same, objects before rows, and what
// is young or runs stays.
func TestOldAttemptsAreRemoved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		old, running := h.claimed(), h.claimed()
		for _, a := range []*agent{old, running} {
			a.run(0)
			a.write(0, 0, []byte("some bytes\n"))
		}
		old.end()
		h.advance(61 * time.Second)
		old.await(phaseSealed)
		h.advance(5 * time.Minute)
		old.await(phasePruned)
		h.advance(100 * 24 * time.Hour)
		h.cfg.KeepOutput, h.cfg.Keep = 30*24*time.Hour, 180*24*time.Hour
		h.restart()
		old.await(phaseExpired)
		if keys := old.objects(); len(keys) != 0 {
			t.Errorf("got objects %v after 100 days, want none", keys)
		}
		if got := old.left(); got["steps"] != 1 || got["attempts"] != 1 {
			t.Errorf("after 100 days: got %v, want the attempt with its step", got)
		}
		h.advance(81 * 24 * time.Hour)
		deadline := time.After(time.Minute)
		for len(old.left()) > 0 {
			h.hints.Notify(sealTopic)
			select {
			case <-deadline:
				t.Fatalf("after 181 days: got %v, want nothing", old.left())
			case <-time.After(5 * time.Millisecond):
			}
		}
		if got := running.left(); got["attempts"] != 1 || got["steps"] != 1 || got["chunks"] == 0 {
			t.Errorf("the running attempt has %v left", got)
		}
	})
}
