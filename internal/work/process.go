// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
)

// Reasons of the loop's own.
var (
	errNoResult         = errors.New("the handler gave no result for the row")
	errAgainWithoutTime = errors.New("the handler asked for another look without saying when")
	errLeaseLost        = errors.New("the leases of the batch were lost")
)

const (
	// lastWords is how long a loop that stops still talks to the database.
	lastWords     = 3 * time.Second
	recordRetryLo = 50 * time.Millisecond
	recordRetryHi = time.Second
)

// isEnd reports whether err says only that a context ended.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// linger returns a context that ends so long after ctx has.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return out, func() { stop(); cancel() }
}

// release gives back a batch that was claimed when the loop was to stop.
func (l *Loop[T]) release(ctx context.Context, b batch[T]) error {
	results := slices.Repeat([]Result{{kind: kindRelease}}, len(b.rows))
	_, _, err := l.recordUntil(ctx, b, l.outcomes(b.rows, results), b.began.Add(l.cfg.Lease))
	return err
}

// process has a batch handled and records the results. It tells whether rows
// are left that may be due again. An error is the database's; the rows then
// come back when their lease ends.
func (l *Loop[T]) process(ctx context.Context, b batch[T]) (left bool, err error) {
	// Not ctx itself: handlers may finish what they do when the loop stops.
	hctx, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	heldUntil := make(chan time.Time, 1)
	go func() { heldUntil <- l.hold(ctx, hctx, end, b) }()

	began := time.Now()
	results := l.handle(hctx, b)
	l.metrics.seconds.Observe(time.Since(began).Seconds())
	ended := hctx.Err() != nil
	if cause := context.Cause(hctx); errors.Is(cause, errLeaseLost) {
		l.logger.Warn("lost the leases while handling, others may do it again", "rows", len(b.rows))
	}
	end(nil)
	until := <-heldUntil

	for i := range results {
		results[i] = normal(results[i], ended)
	}
	stay, lost, err := l.recordUntil(ctx, b, l.outcomes(b.rows, results), until)
	if err != nil {
		return true, err
	}
	l.metrics.count(results, lost)
	return stay+lost > 0, nil
}

// hold renews the leases until hctx ends, and ends it when they are lost, or
// Grace after ctx. It returns until when the last renewal holds, by the
// process's monotonic clock.
func (l *Loop[T]) hold(ctx, hctx context.Context, end context.CancelCauseFunc, b batch[T]) time.Time {
	until := b.began.Add(l.cfg.Lease)
	renew := time.NewTimer(l.cfg.Lease / 2)
	defer renew.Stop()
	stopping := ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case <-hctx.Done():
			return until
		case <-stopping:
			stopping = nil
			timer := time.NewTimer(l.cfg.Grace)
			defer timer.Stop()
			grace = timer.C
		case <-grace:
			end(context.Cause(ctx))
		case <-renew.C:
			asked := time.Now()
			held, err := l.renewSoon(hctx, b)
			switch {
			case err == nil && held > 0:
				until = asked.Add(l.cfg.Lease)
				renew.Reset(l.cfg.Lease / 2)
			case err == nil || !time.Now().Before(until):
				end(errLeaseLost)
			default:
				renew.Reset(l.cfg.Lease / 10)
			}
		}
	}
}

// renewSoon leaves time for another attempt before the lease ends.
func (l *Loop[T]) renewSoon(ctx context.Context, b batch[T]) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Lease/4)
	defer cancel()
	return l.renew(ctx, b)
}

// handle calls the handler. When that panics for a batch, or loses count, each
// row is handled by itself, so that the others do not suffer for one.
func (l *Loop[T]) handle(ctx context.Context, b batch[T]) []Result {
	if tries := b.rows[0].WorkItem().Tries; b.takenOver && tries >= l.cfg.MaxTries {
		return []Result{Fail(core.Errorf(core.CodeInternal, "the process died or lost its lease %d times while handling this", tries))}
	}
	results, err := l.attempt(ctx, b.rows)
	if err == nil {
		return results
	}
	if len(b.rows) == 1 {
		return []Result{Fail(err)}
	}
	results = make([]Result, len(b.rows))
	for i := range b.rows {
		if ctx.Err() != nil {
			results[i] = Fail(ctx.Err())
			continue
		}
		one, err := l.attempt(ctx, b.rows[i:i+1])
		if err != nil {
			one = []Result{Fail(err)}
		}
		results[i] = one[0]
	}
	return results
}

func (l *Loop[T]) attempt(ctx context.Context, rows []T) (results []Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.logger.Error("handler panicked", "panic", p, "rows", len(rows), "stack", string(debug.Stack()))
			results, err = nil, fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	results = l.cfg.Handle(ctx, rows)
	if len(results) != len(rows) {
		return nil, fmt.Errorf("the handler gave %d results for %d rows", len(results), len(rows))
	}
	return results, nil
}

// recordUntil keeps trying while the database is away and the leases hold: the
// work is done, and forgetting it would do it twice.
func (l *Loop[T]) recordUntil(ctx context.Context, b batch[T], outcomes []outcome, until time.Time) (stay, lost int, err error) {
	rctx, end := linger(ctx, lastWords)
	defer end()
	rctx, cancel := context.WithTimeout(rctx, max(time.Until(until), lastWords))
	defer cancel()
	for wait := recordRetryLo; ; wait = min(2*wait, recordRetryHi) {
		stay, lost, err = l.record(rctx, b, outcomes)
		if err == nil || !outOfReach(err) || time.Now().Add(wait).After(until) {
			return stay, lost, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, 0, err
		case <-rctx.Done():
			timer.Stop()
			return 0, 0, err
		case <-timer.C:
		}
	}
}
