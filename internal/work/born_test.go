// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// subscribed tells when a loop has begun to listen, which is after it is open for
// new rows.
type subscribed struct {
	hints.Hints
	done func()
}

func (s subscribed) Subscribe(topic string) (<-chan struct{}, func()) {
	defer s.done()
	return s.Hints.Subscribe(topic)
}

// deaf is a loop's that has no hints.
type deaf struct{}

func (deaf) Notify(string) {}

func (deaf) Subscribe(string) (<-chan struct{}, func()) { return nil, func() {} }

// started starts a loop on a table without work and returns it, with what stops
// it, once it gives leases.
func (b *bench) started(cfg work.Config[*chore]) (*work.Loop[*chore], func()) {
	b.t.Helper()
	open := make(chan struct{})
	if cfg.Hints == nil {
		cfg.Hints = deaf{}
	}
	cfg.Hints = subscribed{cfg.Hints, sync.OnceFunc(func() { close(open) })}
	loop, stop := b.begin(cfg)
	select {
	case <-open:
	case <-time.After(patient):
		b.t.Fatal("the loop never began to listen")
	}
	return loop, stop
}

func (b *bench) fresh(id string) *chore {
	return &chore{Item: work.Item{ID: id, DueAt: store.At(b.clock.Now())}}
}

func (b *bench) insert(rows ...*chore) {
	b.t.Helper()
	if _, err := b.db.NewInsert().Model(&rows).Exec(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// TestBornReachesTheWorkerWithoutAHint has rows handled that no claim could
// get: the loop hears no hints and looks only once.
func TestBornReachesTheWorkerWithoutAHint(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		handled := make(chan []*chore, 10)
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			handled <- rows
			return results(rows, work.Delete())
		})
		cfg.Hints = nil
		loop, stop := b.started(cfg)
		rows := []*chore{b.fresh("a"), b.fresh("b")}
		rows[0].Note = "kept in memory"
		born := loop.Lease(rows...)
		b.insert(rows...)
		if r := b.row("a"); r.LeaseOwner == "" || r.LeaseUntil.IsZero() {
			b.t.Errorf("inserted without a lease: %+v", r.Item)
		}
		born.Hand(b.t.Context())
		born.Drop()
		got := recv(b.t, handled, "the rows")
		if len(got) != 2 || got[0].Note != "kept in memory" {
			b.t.Errorf("handled %v", got)
		}
		stop()
		if b.row("a") != nil || b.row("b") != nil || len(handled) != 0 {
			b.t.Error("they are still there, or came twice")
		}
	})
}

// TestBornOutlivesItsProcess ends a process at every point after the commit.
func TestBornOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		at    func(born *work.Born[*chore], stop func())
		waits bool // for the end of the lease
		tries int
	}{
		"killed before Hand":   {at: func(_ *work.Born[*chore], stop func()) { stop() }, waits: true, tries: 1},
		"stopped before Hand":  {at: func(born *work.Born[*chore], stop func()) { stop(); born.Hand(context.Background()) }},
		"Hand, then a stop":    {at: func(born *work.Born[*chore], stop func()) { born.Hand(context.Background()); stop() }},
		"dropped after commit": {at: func(born *work.Born[*chore], stop func()) { born.Drop(); stop() }, waits: true, tries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(b *bench) {
				first, stop := b.started(b.config(func(ctx context.Context, rows []*chore) []work.Result {
					<-ctx.Done() // whatever came this far is not done
					return results(rows, work.Fail(ctx.Err()))
				}))
				row := b.fresh("a")
				born := first.Lease(row)
				b.insert(row)
				end.at(born, stop)
				if end.waits {
					b.clock.Advance(time.Minute)
				}
				handled := make(chan *chore, 10)
				b.run(b.config(func(_ context.Context, rows []*chore) []work.Result {
					for _, row := range rows {
						handled <- row
					}
					return results(rows, work.Delete())
				}))
				if got := recv(b.t, handled, "the row in another process"); got.Tries != end.tries {
					b.t.Errorf("came with %d tries, want %d", got.Tries, end.tries)
				}
			})
		})
	}
}

// TestBornWhereNobodyIsFree falls back to rows that are due, and a hint.
func TestBornWhereNobodyIsFree(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		handled, goOn := make(chan string, 10), make(chan struct{})
		loop, _ := b.started(b.config(func(_ context.Context, rows []*chore) []work.Result {
			for _, row := range rows {
				handled <- row.ID
			}
			<-goOn
			return results(rows, work.Delete())
		}))
		for i, id := range []string{"a", "b"} {
			row := b.fresh(id)
			born := loop.Lease(row)
			if leased := row.LeaseOwner != ""; leased != (i == 0) {
				b.t.Errorf("%s: leased %t", id, leased)
			}
			b.insert(row)
			born.Hand(b.t.Context())
			if i == 0 {
				recv(b.t, handled, "the first")
			}
		}
		close(goOn)
		if got := recv(b.t, handled, "the second"); got != "b" {
			b.t.Errorf("got %s", got)
		}
		idle, err := work.New(b.config(func(context.Context, []*chore) []work.Result { return nil }))
		if err != nil {
			b.t.Fatal(err)
		}
		row := b.fresh("c")
		if idle.Lease(row).Drop(); row.LeaseOwner != "" {
			b.t.Error("a loop that does not run took a row")
		}
	})
}

func TestBornKeepsOnlyWhatWasInserted(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		handled := make(chan string, 10)
		loop, stop := b.started(b.config(func(_ context.Context, rows []*chore) []work.Result {
			for _, row := range rows {
				handled <- row.ID
			}
			return results(rows, work.Delete())
		}))
		for range 3 { // a reservation that was not given back would end this
			born := loop.Lease(b.fresh("a"), b.fresh("b"))
			born.Keep([]string{})
			born.Hand(b.t.Context())
		}
		rows := []*chore{b.fresh("a"), b.fresh("b")}
		born := loop.Lease(rows...)
		b.insert(rows[1])
		born.Keep([]string{"b"})
		born.Hand(b.t.Context())
		if got := recv(b.t, handled, "the row"); got != "b" {
			b.t.Errorf("got %s", got)
		}
		stop()
		if len(handled) != 0 || rows[0] == nil {
			b.t.Error("a row that was not inserted was handled")
		}
	})
}

// TestBornMarksAreNotLost marks rows while they are handled, with every result
// and without a hint for the mark.
func TestBornMarksAreNotLost(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]work.Result{
		"done": work.Done(), "delete": work.Delete(), "again": work.Again(newClock().Now().Add(time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(b *bench) {
				seqs := make(chan int64, 10)
				first := true
				cfg := b.config(func(ctx context.Context, rows []*chore) []work.Result {
					if first {
						first = false
						if err := work.MarkDue(ctx, b.db, table, b.clock.Now(), "a"); err != nil {
							b.t.Error(err)
						}
					}
					seqs <- rows[0].DueSeq
					return results(rows, result)
				})
				loop, _ := b.started(cfg)
				row := b.fresh("a")
				born := loop.Lease(row)
				b.insert(row)
				born.Hand(b.t.Context())
				for want := range int64(2) {
					if got := recv(b.t, seqs, "the row"); got != want {
						b.t.Errorf("handled with due_seq %d, want %d", got, want)
					}
				}
			})
		})
	}
}

// TestBornAmongMany mixes rows that are born leased with ordinary ones, several
// processes, failures, and processes that die on the way: each row is handled,
// and none by two at a time.
func TestBornAmongMany(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		const rows = 150
		var mu sync.Mutex
		busy, done := map[string]bool{}, map[string]int{}
		var left sync.WaitGroup
		left.Add(rows)
		handle := func(_ context.Context, batch []*chore) []work.Result {
			out := make([]work.Result, len(batch))
			for i, row := range batch {
				mu.Lock()
				if busy[row.ID] {
					b.t.Errorf("%s is handled twice at a time", row.ID)
				}
				busy[row.ID] = true
				mu.Unlock()
				out[i] = work.Fail(errors.New("not this time"))
				mu.Lock()
				if rand.N(3) > 0 {
					out[i] = work.Delete()
					if done[row.ID]++; done[row.ID] == 1 {
						left.Done()
					}
				}
				busy[row.ID] = false
				mu.Unlock()
			}
			return out
		}
		var loops []*work.Loop[*chore]
		for range 3 {
			cfg := b.config(handle)
			cfg.DB, cfg.Batch, cfg.Workers, cfg.Clock, cfg.MaxTries, cfg.Poll = b.open(), 8, 2, nil, 1000, 50*time.Millisecond
			cfg.Lease = 400 * time.Millisecond
			cfg.Backoff = func(int) time.Duration { return time.Millisecond }
			loop, _ := b.started(cfg)
			loops = append(loops, loop)
		}
		for i := range rows {
			row := &chore{Item: work.Item{ID: fmt.Sprintf("%04d", i), DueAt: store.At(time.Now())}}
			born := loops[i%3].Lease(row)
			b.insert(row)
			switch rand.N(8) {
			case 0: // as if it had been killed here
				born.Drop()
			default:
				born.Hand(b.t.Context())
			}
		}
		left.Wait()
		for id, n := range done {
			if n != 1 {
				b.t.Errorf("%s was deleted %d times", id, n)
			}
		}
		if len(done) != rows {
			b.t.Errorf("%d rows were handled, want %d", len(done), rows)
		}
	})
}
