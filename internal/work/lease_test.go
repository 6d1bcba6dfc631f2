// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// leave puts a row into the state that a process leaves behind which was killed
// between claim and record.
func (b *bench) leave(id, owner string, until time.Time) {
	b.t.Helper()
	_, err := b.db.NewRaw("UPDATE chores SET lease_owner = ?, lease_until = ? WHERE id = ?", owner, store.At(until), id).Exec(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestCrashBetweenClaimAndDone(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("dead", "fresh")
		b.leave("dead", "gone/1", b.clock.Now().Add(time.Minute))
		handled := make(chan work.Item, 10)
		b.run(b.config(func(_ context.Context, rows []*chore) []work.Result {
			for _, row := range rows {
				handled <- row.Item
			}
			return results(rows, work.Done())
		}))
		if got := recv(b.t, handled, "the free row"); got.ID != "fresh" {
			b.t.Fatalf("got %s while its lease holds", got.ID)
		}
		b.clock.Advance(time.Minute)
		b.hints.Notify(topic)
		got := recv(b.t, handled, "the row of the dead process")
		if got.ID != "dead" || got.Tries != 1 {
			b.t.Errorf("got %+v, want the other row with one try counted", got)
		}
	})
}

// A row that kills the process each time is set aside in the end, and takes no
// other row along.
func TestRowThatKillsIsSetAside(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("innocent", "killer")
		_, err := b.db.NewRaw("UPDATE chores SET tries = 2 WHERE id = 'killer'").Exec(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		b.leave("killer", "gone/1", b.clock.Now())
		b.leave("innocent", "gone/1", b.clock.Now())
		handled := make(chan int, 10)
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			for _, row := range rows {
				if row.ID == "killer" {
					b.t.Error("handled a row that was to be set aside")
				}
			}
			handled <- len(rows)
			return results(rows, work.Done())
		})
		cfg.MaxTries = 3
		stop := b.run(cfg)
		if n := recv(b.t, handled, "the innocent row"); n != 1 {
			b.t.Errorf("taken over %d rows in one batch, want 1", n)
		}
		b.until("killer", func(i *work.Item) bool { return i.SetAside })
		stop()
		if r := b.row("innocent"); r.Tries != 0 || !r.DueAt.IsZero() {
			b.t.Errorf("innocent: %+v", r.Item)
		}
	})
}

// until asks for a row until ok, since another goroutine is writing it.
func (b *bench) until(id string, ok func(*work.Item) bool) *work.Item {
	b.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); <-tick.C {
		if r := b.row(id); r != nil && ok(&r.Item) {
			return &r.Item
		}
	}
	b.t.Fatalf("timed out waiting for %s, which is %+v", id, b.row(id).Item)
	return nil
}

func TestLongHandlingKeepsItsLease(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a")
		// Long enough that a busy machine renews in time.
		const lease = 1500 * time.Millisecond
		began, finish := make(chan store.Time, 1), make(chan struct{})
		cfg := b.config(func(ctx context.Context, rows []*chore) []work.Result {
			began <- rows[0].LeaseUntil
			select {
			case <-finish:
			case <-ctx.Done():
				b.t.Errorf("the handler was ended: %v", context.Cause(ctx))
			}
			return results(rows, work.Done())
		})
		cfg.Clock, cfg.Lease = nil, lease
		b.run(cfg)
		first := recv(b.t, began, "the handler")
		rival := cfg
		rival.DB = b.open()
		rival.Handle = func(_ context.Context, rows []*chore) []work.Result {
			b.t.Error("a rival got the row")
			return results(rows, work.Done())
		}
		b.run(rival)
		// Three renewals, the last of them when the first lease would have ended.
		b.until("a", func(i *work.Item) bool {
			b.hints.Notify(topic)
			return i.LeaseUntil.Time().Sub(first.Time()) > lease
		})
		close(finish)
		b.until("a", func(i *work.Item) bool { return i.DueAt.IsZero() })
	})
}

// await ends with the loop too, so that a test that fails does not hang.
func await(ctx context.Context, ch <-chan struct{}) {
	select {
	case <-ch:
	case <-ctx.Done():
	}
}

// A loop that was away for longer than its lease does not record over what the
// one that took the row has made of it.
func TestLostLeaseRecordsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a")
		began, finish := make(chan struct{}, 1), make(chan struct{})
		cfg := b.config(func(ctx context.Context, rows []*chore) []work.Result {
			began <- struct{}{}
			await(ctx, finish)
			return results(rows, work.Delete())
		})
		slow := b.run(cfg)
		recv(b.t, began, "the slow loop")

		b.clock.Advance(2 * time.Minute)
		taken, recorded := make(chan struct{}, 1), make(chan struct{})
		rival := b.config(func(ctx context.Context, rows []*chore) []work.Result {
			taken <- struct{}{}
			await(ctx, recorded)
			return results(rows, work.Again(b.clock.Now().Add(time.Hour)))
		})
		rival.DB = b.open()
		quick := b.run(rival)
		recv(b.t, taken, "the rival")

		close(finish)
		slow()
		if r := b.row("a"); r == nil || r.LeaseOwner == "" {
			b.t.Fatalf("the slow loop recorded over the rival's lease: %+v", r)
		}
		close(recorded)
		quick()
		if r := b.row("a"); !r.DueAt.Equal(store.At(b.clock.Now().Add(time.Hour))) {
			b.t.Errorf("got %+v, want the rival's result", r.Item)
		}
	})
}

func TestLostLeaseEndsTheHandler(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a")
		ended := make(chan struct{})
		cfg := b.config(func(ctx context.Context, rows []*chore) []work.Result {
			if _, err := b.db.NewRaw("UPDATE chores SET lease_owner = 'thief'").Exec(ctx); err != nil {
				b.t.Error(err)
			}
			<-ctx.Done()
			close(ended)
			return results(rows, work.Fail(ctx.Err()))
		})
		cfg.Lease = 200 * time.Millisecond
		stop := b.run(cfg)
		recv(b.t, ended, "the handler's end")
		stop()
		if r := b.row("a"); r.LeaseOwner != "thief" || r.Tries != 0 {
			b.t.Errorf("the thief's row was changed: %+v", r.Item)
		}
	})
}

func TestStopReleasesWhatWasNotFinished(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("done", "not")
		began := make(chan struct{})
		cfg := b.config(func(ctx context.Context, rows []*chore) []work.Result {
			close(began)
			<-ctx.Done()
			return []work.Result{work.Done(), work.Fail(errors.Join(errors.New("asking"), ctx.Err()))}
		})
		cfg.Grace = time.Millisecond
		stop := b.run(cfg)
		recv(b.t, began, "the handler")
		stop()
		if r := b.row("done"); !r.DueAt.IsZero() || r.LeaseOwner != "" {
			b.t.Errorf("done: %+v", r.Item)
		}
		if r := b.row("not"); !r.DueAt.Equal(store.At(b.clock.Now())) || r.LeaseOwner != "" || r.Tries != 0 || r.LastError != "" {
			b.t.Errorf("not done: got %+v, want it as it was before the claim", r.Item)
		}
	})
}

func TestStopLetsHandlersFinish(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a")
		loop, err := work.New(b.config(nil))
		if err == nil || loop != nil {
			b.t.Fatal("a loop without a handler was made")
		}
		ctx, cancel := context.WithCancel(b.t.Context())
		cfg := b.config(func(hctx context.Context, rows []*chore) []work.Result {
			cancel()
			<-ctx.Done()
			if hctx.Err() != nil {
				b.t.Error("the handler was not given its grace")
			}
			return results(rows, work.Done())
		})
		cfg.Grace = time.Hour
		loop, err = work.New(cfg)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := loop.Run(ctx); err != nil {
			b.t.Errorf("Run: %v", err)
		}
		if r := b.row("a"); !r.DueAt.IsZero() {
			b.t.Errorf("got %+v, want it done", r.Item)
		}
	})
}

// The loop is stopped while its claim is on its way to the database.
func TestStopWhileClaiming(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a", "b")
		ctx, cancel := context.WithCancel(b.t.Context())
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			b.t.Error("the handler was called after the stop")
			return results(rows, work.Done())
		})
		asked := 0
		cfg.Clock = func() time.Time {
			if asked++; asked == 2 { // the look, then the claim
				cancel()
			}
			return b.clock.Now()
		}
		loop, err := work.New(cfg)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := loop.Run(ctx); err != nil {
			b.t.Errorf("Run: %v", err)
		}
		if asked < 3 {
			b.t.Errorf("the clock was asked %d times: nothing was claimed", asked)
		}
		for _, id := range []string{"a", "b"} {
			if r := b.row(id); r.LeaseOwner != "" || !r.LeaseUntil.IsZero() || r.Tries != 0 || !r.DueAt.Equal(store.At(b.clock.Now())) {
				b.t.Errorf("got %+v, want it free and due", r.Item)
			}
		}
	})
}

// A row that a transaction elsewhere has locked is had once that ends, without
// a hint and without the poll.
func TestLockedRowIsHadLater(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a")
		handled := make(chan struct{}, 10)
		claiming := make(chan struct{}, 100)
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			handled <- struct{}{}
			return results(rows, work.Done())
		})
		cfg.DB = b.open()
		cfg.Clock = func() time.Time {
			select {
			case claiming <- struct{}{}:
			default:
			}
			return b.clock.Now()
		}
		err := b.db.Tx(b.t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := work.MarkDue(ctx, tx, table, b.clock.Now(), "a"); err != nil {
				return err
			}
			b.run(cfg)
			recv(b.t, claiming, "the first look")
			recv(b.t, claiming, "the claim")
			if len(handled) != 0 {
				b.t.Error("handled before the transaction ended")
			}
			return nil
		})
		if err != nil {
			b.t.Fatal(err)
		}
		recv(b.t, handled, "the row")
	})
}
