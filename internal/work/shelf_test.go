// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

// TestShelf has rows fail until they are set aside, sees them, mends what was
// wrong, and puts back first one of them and then the rest.
func TestShelf(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a", "b", "c")
		var cured atomic.Bool
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			if cured.Load() {
				return results(rows, work.Done())
			}
			return results(rows, work.Fail(errors.New("the disk is full")))
		})
		cfg.MaxTries, cfg.Clock = 1, nil
		b.run(cfg)
		for _, id := range []string{"a", "b", "c"} {
			b.until(id, func(i *work.Item) bool { return i.SetAside })
		}
		cured.Store(true)
		shelf := &work.Shelf{Service: "test", DB: b.db, Hints: b.hints, Clock: time.Now, Topics: map[string]string{table: topic}}
		row := func(id string) core.StuckRow {
			return core.StuckRow{Service: "test", Table: table, ID: id, Tries: 1, LastError: "the disk is full"}
		}
		same := func(what string, want []core.StuckRow, f func(context.Context, core.StuckFilter) ([]core.StuckRow, error), filter core.StuckFilter) {
			b.t.Helper()
			got, err := f(b.t.Context(), filter)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				b.t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
			}
		}
		same("the list", []core.StuckRow{row("a"), row("b"), row("c")}, shelf.ListStuck, core.StuckFilter{})
		same("another table's", []core.StuckRow{}, shelf.RetryStuck, core.StuckFilter{Table: "other"})
		same("an unknown row", []core.StuckRow{}, shelf.RetryStuck, core.StuckFilter{ID: "x"})
		same("one of them", []core.StuckRow{row("b")}, shelf.RetryStuck, core.StuckFilter{ID: "b"})
		b.until("b", func(i *work.Item) bool { return i.DueAt.IsZero() && i.LastError == "" })
		same("the others", []core.StuckRow{row("a"), row("c")}, shelf.RetryStuck, core.StuckFilter{Table: table})
		b.until("a", func(i *work.Item) bool { return i.DueAt.IsZero() && i.Tries == 0 })
		b.until("c", func(i *work.Item) bool { return i.DueAt.IsZero() && i.Tries == 0 })
		same("what is left", []core.StuckRow{}, shelf.ListStuck, core.StuckFilter{})
	})
}
