// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// TestAClockThatIsSetBackHoldsNothingUp sets it back by a day when one row is
// due, one is held by a process that has died, and one is for the next day.
func TestAClockThatIsSetBackHoldsNothingUp(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		old := b.clock.Now()
		tomorrow := store.At(old.Add(24 * time.Hour))
		rows := []*chore{
			{Item: work.Item{ID: "due", DueAt: store.At(old)}},
			{Item: work.Item{ID: "held", DueAt: store.At(old), LeaseUntil: store.At(old.Add(time.Minute)), LeaseOwner: "dead"}},
			{Item: work.Item{ID: "later", DueAt: tomorrow}},
		}
		handled := make(chan string, 10)
		cfg := b.config(func(ctx context.Context, got []*chore) []work.Result {
			if got[0].ID == "first" { // nothing else is claimed meanwhile
				if _, err := b.db.NewInsert().Model(&rows).Exec(ctx); err != nil {
					b.t.Error(err)
				}
				b.clock.Advance(-24 * time.Hour)
			}
			for _, r := range got {
				handled <- r.ID
			}
			return results(got, work.Done())
		})
		cfg.Poll = 20 * time.Millisecond
		b.add("first")
		b.run(cfg)
		if got := recv(b.t, handled, "the first row"); got != "first" {
			b.t.Fatalf("got %s", got)
		}
		if got := recv(b.t, handled, "the row that was due"); got != "due" {
			b.t.Errorf("got %s", got)
		}
		b.clock.Advance(2 * time.Minute)
		if got := recv(b.t, handled, "the row of the dead"); got != "held" {
			b.t.Errorf("got %s", got)
		}
		if r := b.row("later"); !r.DueAt.Equal(tomorrow) {
			b.t.Errorf("a row for later was moved: %+v", r.Item)
		}
	})
}
