// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

func TestResults(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		later := b.clock.Now().Add(time.Hour)
		cause := errors.New("no luck \x00 \xff")
		b.add("again", "away", "delete", "done", "fail", "nothing")
		handled := make(chan []string, 10)
		stop := b.run(b.config(func(_ context.Context, rows []*chore) []work.Result {
			var ids []string
			out := make([]work.Result, len(rows))
			for i, row := range rows {
				ids = append(ids, row.ID)
				switch row.ID {
				case "again":
					out[i] = work.Again(later)
				case "away":
					out[i] = work.Fail(fmt.Errorf("asking: %w", core.Errorf(core.CodeUnavailable, "closed")))
				case "delete":
					out[i] = work.Delete()
				case "done":
					out[i] = work.Done()
				case "fail":
					out[i] = work.Fail(cause)
				}
			}
			handled <- ids
			return out
		}))
		ids := recv(b.t, handled, "the batch")
		stop()
		if want := []string{"again", "away", "delete", "done", "fail", "nothing"}; !slices.Equal(ids, want) {
			b.t.Errorf("the batch was %v, want %v", ids, want)
		}
		if r := b.row("delete"); r != nil {
			b.t.Errorf("delete: still there: %+v", r.Item)
		}
		if r := b.row("done"); !r.DueAt.IsZero() || r.Tries != 0 {
			b.t.Errorf("done: %+v", r.Item)
		}
		if r := b.row("again"); !r.DueAt.Equal(store.At(later)) || r.Tries != 0 {
			b.t.Errorf("again: %+v", r.Item)
		}
		for id, tries := range map[string]int{"fail": 1, "away": 0, "nothing": 1} {
			r := b.row(id)
			if !r.DueAt.Time().After(b.clock.Now()) || r.Tries != tries || r.LastError == "" {
				b.t.Errorf("%s: got %+v, want it later with %d tries", id, r.Item, tries)
			}
		}
		if got, want := b.row("fail").LastError, "no luck  "; got != want {
			b.t.Errorf("last error %q, want %q", got, want)
		}
		for _, id := range []string{"again", "away", "done", "fail", "nothing"} {
			if r := b.row(id); r.LeaseOwner != "" || !r.LeaseUntil.IsZero() {
				b.t.Errorf("%s: still leased: %+v", id, r.Item)
			}
		}
	})
}

func TestHintWakes(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		handled := make(chan string, 10)
		b.run(b.config(func(_ context.Context, rows []*chore) []work.Result {
			for _, row := range rows {
				handled <- row.ID
			}
			return results(rows, work.Done())
		}))
		for i := range 5 {
			id := fmt.Sprint(i)
			b.add(id)
			b.hints.Notify(topic)
			if got := recv(b.t, handled, "the row"); got != id {
				b.t.Errorf("got %s, want %s", got, id)
			}
		}
	})
}

// Without a hint and with an endless poll the loop wakes for the earliest row.
func TestDueTimeWakes(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		at := time.Now().Add(150 * time.Millisecond)
		handled := make(chan time.Time, 10)
		if _, err := b.db.NewInsert().Model(&chore{Item: work.Item{ID: "a", DueAt: store.At(at)}}).Exec(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			handled <- time.Now()
			return results(rows, work.Done())
		})
		cfg.Clock, cfg.Hints = nil, nil
		b.run(cfg)
		if got := recv(b.t, handled, "the row"); got.Before(at.Truncate(time.Microsecond)) {
			b.t.Errorf("handled %v early", at.Sub(got))
		}
	})
}

func TestPollFindsWhatNobodyHinted(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		handled := make(chan struct{}, 10)
		looked := make(chan struct{}, 1)
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			handled <- struct{}{}
			return results(rows, work.Done())
		})
		cfg.Poll, cfg.Hints = 20*time.Millisecond, nil
		cfg.Clock = func() time.Time {
			select {
			case looked <- struct{}{}:
			default:
			}
			return b.clock.Now()
		}
		b.run(cfg)
		recv(b.t, looked, "the first look")
		b.add("a")
		recv(b.t, handled, "the row")
	})
}

func TestMarkDuringHandlingIsNotLost(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]work.Result{
		"done": work.Done(), "delete": work.Delete(), "again": work.Again(newClock().Now().Add(time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(b *bench) {
				b.add("a")
				seqs := make(chan int64, 10)
				first := true
				stop := b.run(b.config(func(ctx context.Context, rows []*chore) []work.Result {
					if first {
						first = false
						if err := work.MarkDue(ctx, b.db, table, b.clock.Now(), "a"); err != nil {
							b.t.Error(err)
						}
					}
					seqs <- rows[0].DueSeq
					return results(rows, result)
				}))
				for want := range int64(2) {
					if got := recv(b.t, seqs, "the row"); got != want {
						b.t.Errorf("handled with due_seq %d, want %d", got, want)
					}
				}
				stop()
				if r := b.row("a"); r != nil && r.LeaseOwner != "" {
					b.t.Errorf("still leased: %+v", r.Item)
				}
				if len(seqs) != 0 {
					b.t.Error("handled a third time")
				}
			})
		})
	}
}

func TestMarkDueKeepsTheEarliest(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		now := b.clock.Now()
		ids := make([]string, 1200) // more than one statement takes
		for i := range ids {
			ids[i] = fmt.Sprintf("%04d", i)
		}
		b.add(ids...)
		b.mark(now.Add(time.Hour), append(ids, "none", ids[0])...)
		if r := b.row("1199"); !r.DueAt.Equal(store.At(now)) || r.DueSeq != 1 {
			b.t.Errorf("marked for later: %+v", r.Item)
		}
		b.mark(now.Add(-time.Hour), "0000")
		if r := b.row("0000"); !r.DueAt.Equal(store.At(now.Add(-time.Hour))) || r.DueSeq != 2 {
			b.t.Errorf("marked for earlier: %+v", r.Item)
		}
		b.mark(now)
	})
}

// Many loops in several processes handle each row exactly once, and none of
// them at the same time as another.
func TestManyLoops(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		const rows, loops = 600, 6
		var mu sync.Mutex
		busy, count := map[string]bool{}, map[string]int{}
		var left sync.WaitGroup
		left.Add(rows)
		handle := func(_ context.Context, batch []*chore) []work.Result {
			mu.Lock()
			for _, row := range batch {
				if busy[row.ID] {
					b.t.Errorf("%s is handled twice at a time", row.ID)
				}
				busy[row.ID] = true
			}
			mu.Unlock()
			mu.Lock()
			defer mu.Unlock()
			for _, row := range batch {
				busy[row.ID] = false
				count[row.ID]++
				left.Done()
			}
			return results(batch, work.Done())
		}
		ids := make([]string, rows)
		for i := range ids {
			ids[i] = fmt.Sprintf("%04d", i)
		}
		var stops []func()
		for range loops {
			cfg := b.config(handle)
			cfg.DB, cfg.Batch, cfg.Workers = b.open(), 7, 2
			stops = append(stops, b.run(cfg))
		}
		for chunk := range slices.Chunk(ids, 50) {
			b.add(chunk...)
			b.hints.Notify(topic)
		}
		left.Wait()
		for _, stop := range stops {
			stop()
		}
		for _, id := range ids {
			if count[id] != 1 {
				b.t.Errorf("%s was handled %d times", id, count[id])
			}
		}
		if n, err := b.db.NewSelect().Table(table).Where("due_at IS NOT NULL OR lease_until IS NOT NULL").Count(b.t.Context()); err != nil || n != 0 {
			b.t.Errorf("%d rows are unfinished, %v", n, err)
		}
	})
}
