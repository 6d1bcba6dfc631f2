// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Loop claims the due rows of one table and has them handled. Any number of
// loops, in any number of processes, may work on one table.
type Loop[T Row] struct {
	cfg     Config[T]
	logger  hclog.Logger
	metrics *metrics
	id      string
	claims  atomic.Int64
	seen    time.Time // at the last look, by the clock; of watch alone

	// away counts failures in a row because something was away.
	away atomic.Int32
	// expired is set while there may be rows to take over.
	expired atomic.Bool
	// calls has one token per worker that is to look for work now.
	calls chan struct{}
	// born has batches that were leased when they were inserted.
	born chan batch[T]
	// idle is told when a worker has found nothing more, and whether it had
	// found anything before.
	idle chan bool

	mu       sync.Mutex
	running  bool
	busy     int // workers that have something to do
	reserved int // workers that are to get rows which are being inserted
}

// New checks cfg and registers the metrics. It starts nothing and does not
// touch the database.
func New[T Row](cfg Config[T]) (*Loop[T], error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Metrics, cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("making the work loop %s: %w", cfg.Name, err)
	}
	return &Loop[T]{
		cfg:     cfg,
		logger:  cfg.Logger.With("loop", cfg.Name),
		metrics: m,
		id:      cfg.Name + "/" + rand.Text()[:12],
		calls:   make(chan struct{}, cfg.Workers),
		born:    make(chan batch[T], cfg.Workers),
		idle:    make(chan bool, 1),
	}, nil
}

// Run works until ctx ends, then lets running handlers finish for Grace, asks
// them to end after that, records their results, and returns nil. Trouble with
// the database is logged and waited out. The table must exist. Run may be
// called once at a time.
func (l *Loop[T]) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	l.open(true)
	for range l.cfg.Workers {
		workers.Go(func() { l.work(ctx) })
	}
	l.watch(ctx)
	l.open(false)
	workers.Wait()
	l.returnBorn(ctx)
	return nil
}

// watch calls workers on a hint, when the next row becomes due, when a lease
// ends, and at each poll.
func (l *Loop[T]) watch(ctx context.Context) {
	var hint <-chan struct{}
	if l.cfg.Hints != nil {
		ch, cancel := l.cfg.Hints.Subscribe(l.cfg.Topic)
		defer cancel()
		hint = ch
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	healthy, fruitless := true, 0
	for {
		held := 0
		select {
		case <-ctx.Done():
			return
		case <-hint:
			// A claim says as much as a look would, and is what the hint wants.
			l.call()
			continue
		case found := <-l.idle:
			fruitless++
			if found {
				fruitless = 0
			}
			held = fruitless
		case <-timer.C:
		}
		o, err := l.look(ctx)
		if ctx.Err() != nil {
			return
		}
		l.report(&healthy, err)
		if err != nil {
			timer.Reset(l.cfg.Poll)
			continue
		}
		l.metrics.observe(o)
		if !o.ready() {
			fruitless = 0
		}
		timer.Reset(l.plan(o, held))
	}
}

// report logs when the database goes and when it is back, not each time.
func (l *Loop[T]) report(healthy *bool, err error) {
	switch {
	case err != nil && *healthy:
		l.logger.Warn("cannot look for work, trying again", "error", err, "every", l.cfg.Poll)
	case err == nil && !*healthy:
		l.logger.Info("looking for work again")
	}
	*healthy = err == nil
}

// heldWait is where the wait for rows begins that are due and cannot be had,
// because a transaction elsewhere has them locked. It doubles five times.
const heldWait = 5 * time.Millisecond

// plan calls a worker when there is something to claim, and returns when to
// look again. held counts the calls that found nothing although something was
// due.
func (l *Loop[T]) plan(o outlook, held int) time.Duration {
	if o.expired() {
		l.expired.Store(true)
	}
	switch {
	case !o.ready():
		return o.wait(l.cfg.Poll)
	case held > 0:
		return min(heldWait<<min(held, 5), l.cfg.Poll)
	default:
		// The worker says when it is idle; until then there is nothing to time.
		l.call()
		return l.cfg.Poll
	}
}

// call wakes one worker; the calls that wait for one are as many as there are
// workers, and more would change nothing.
func (l *Loop[T]) call() {
	select {
	case l.calls <- struct{}{}:
	default:
	}
}

// work is one worker.
func (l *Loop[T]) work(ctx context.Context) {
	for {
		var found bool
		var err error
		select {
		case <-ctx.Done():
			return
		case b := <-l.born:
			l.enter(1)
			err = l.takeBorn(ctx, b)
			l.leave()
			if err == nil {
				continue
			}
		case <-l.calls:
			l.enter(0)
			found, err = l.drain(ctx)
			l.leave()
		}
		if err != nil {
			// The poll brings it back; at once would be a hot loop.
			l.logger.Warn("cannot work just now", "error", err)
			continue
		}
		select {
		case l.idle <- found:
		default:
		}
	}
}

// drain claims and handles until nothing is left.
func (l *Loop[T]) drain(ctx context.Context) (found bool, err error) {
	for ctx.Err() == nil {
		b, err := l.next(ctx)
		if err != nil || len(b.rows) == 0 {
			return found, err
		}
		if ctx.Err() != nil {
			return found, l.release(ctx, b)
		}
		found = true
		if len(b.rows) == l.cfg.Batch {
			l.call() // there may be enough for two
		}
		l.metrics.claimed.Add(float64(len(b.rows)))
		if _, err := l.process(ctx, b); err != nil {
			return found, err
		}
	}
	return found, nil
}

// next takes over what others left before it claims what is due, or a table
// that is never empty would keep it from being taken over.
func (l *Loop[T]) next(ctx context.Context) (batch[T], error) {
	if l.expired.Load() {
		b, err := l.claimExpired(ctx)
		if err != nil || len(b.rows) > 0 {
			return b, err
		}
		l.expired.Store(false)
	}
	return l.claimDue(ctx)
}
