// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/muster-ci/muster/internal/store"
)

// Born are rows on their way into the table. Where the loop of this process has
// a worker to spare they are inserted as its own, leased, and reach that worker
// without a hint and a claim; otherwise they are ordinary rows that are due.
//
//	Lease ──► insert, commit ──► Hand ──► handled like a claimed batch
//	  │              │             └──► no worker was free: a hint
//	  │              └─ the process dies: the lease ends, anyone takes over
//	  └──► Drop: they were not inserted
//
// So a row is never only in memory, and what dies with a process costs one
// lease, like any work that it had under way.
type Born[T Row] struct {
	loop  *Loop[T]
	batch batch[T]
	// reserved is true from Lease until Hand or Drop when a worker waits for it.
	reserved bool
}

// Lease prepares rows that are about to be inserted with a DueAt that has come.
// It writes their lease, so it comes before the insert. Hand or Drop must
// follow; Drop after Hand does nothing, so that it can be deferred.
func (l *Loop[T]) Lease(rows ...T) *Born[T] {
	born := &Born[T]{loop: l}
	if len(rows) == 0 || len(rows) > l.cfg.Batch || !l.reserve() {
		return born
	}
	born.reserved = true
	born.batch = batch[T]{owner: fmt.Sprintf("%s/%d", l.id, l.claims.Add(1)), rows: rows, began: time.Now()}
	until := store.At(l.cfg.Clock().Add(l.cfg.Lease))
	for _, row := range rows {
		item := row.WorkItem()
		item.LeaseUntil, item.LeaseOwner = until, born.batch.owner
	}
	return born
}

// Keep leaves out the rows that were there before and so are not ours: ids are
// those that were inserted.
func (b *Born[T]) Keep(ids []string) {
	b.batch.rows = slices.DeleteFunc(slices.Clone(b.batch.rows), func(row T) bool {
		return !slices.Contains(ids, row.WorkItem().ID)
	})
}

// Hand has the rows handled, once they are committed. They belong to the
// handler from here on. It does not wait; ctx is for giving the rows back when
// the loop has stopped meanwhile.
func (b *Born[T]) Hand(ctx context.Context) {
	l := b.loop
	switch {
	case !b.reserved:
		if l.cfg.Hints != nil {
			l.cfg.Hints.Notify(l.cfg.Topic)
		}
	case len(b.batch.rows) == 0:
		b.Drop()
	case !l.hand(b.batch):
		if err := l.release(ctx, b.batch); err != nil {
			l.logger.Warn("cannot give back new rows, their lease has to end first", "rows", len(b.batch.rows), "error", err)
		}
	}
	b.reserved = false
}

// Drop gives the worker free that waits for the rows.
func (b *Born[T]) Drop() {
	if b.reserved {
		b.reserved = false
		b.loop.unreserve()
	}
}

// reserve takes a worker that has nothing to do. Under load there is none, and
// rows are claimed in batches, which is cheaper.
func (l *Loop[T]) reserve() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running || l.busy+l.reserved >= l.cfg.Workers {
		return false
	}
	l.reserved++
	return true
}

func (l *Loop[T]) unreserve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved--
}

// hand gives a batch to the worker that was reserved for it. It returns false
// when the loop has stopped.
func (l *Loop[T]) hand(b batch[T]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		l.reserved--
		return false
	}
	l.born <- b // has room for each reservation
	return true
}

// enter and leave count the workers that have something to do; reserved is
// given back by a worker that takes what was reserved for it.
func (l *Loop[T]) enter(reserved int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy++
	l.reserved -= reserved
}

func (l *Loop[T]) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
}

func (l *Loop[T]) open(running bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = running
}

// returnBorn gives back what no worker has taken when the loop stopped.
func (l *Loop[T]) returnBorn(ctx context.Context) {
	for {
		select {
		case b := <-l.born:
			l.unreserve()
			if err := l.release(ctx, b); err != nil {
				l.logger.Warn("cannot give back new rows, their lease has to end first", "rows", len(b.rows), "error", err)
			}
		default:
			return
		}
	}
}

// takeBorn handles a batch that was born leased.
func (l *Loop[T]) takeBorn(ctx context.Context, b batch[T]) error {
	if ctx.Err() != nil {
		return l.release(ctx, b)
	}
	// The insert may have taken its time: what is left of the lease must do for
	// the first renewal.
	if time.Since(b.began) > l.cfg.Lease/4 {
		asked := time.Now()
		held, err := l.renew(ctx, b)
		if err != nil || held == 0 {
			return err
		}
		b.began = asked
	}
	l.metrics.claimed.Add(float64(len(b.rows)))
	left, err := l.process(ctx, b)
	if left {
		// What stays in the table may have been marked meanwhile, or be due at
		// another time.
		l.call()
	}
	return err
}
