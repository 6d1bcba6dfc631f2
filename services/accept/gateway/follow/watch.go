// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"context"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
)

// The pauses between two polls.
const (
	// fastest is kept up right after a change, since changes come in flocks.
	fastest = 50 * time.Millisecond
	// starting is the longest pause while a task is about to start and output
	// does not tell us of it: its first line should not wait for us.
	starting = 100 * time.Millisecond
	// slowest is the longest pause otherwise. Ends of steps are noticed sooner,
	// by the end of their output.
	slowest = 300 * time.Millisecond
	// troubled is the pause after a poll that could not be answered.
	troubled = time.Second
	// pollTimeout bounds one poll.
	pollTimeout = 20 * time.Second
)

// watch polls one subject and publishes views.
type watch struct {
	hub    *Hub
	what   subject
	cancel context.CancelFunc
	kicks  chan struct{}
	state  *state // of the polling goroutine alone
	news   news
	// changed is when something was published last; of the polling goroutine.
	changed time.Time

	mu      sync.Mutex
	readers map[*Subscription]struct{}
	view    *View
	err     error
}

func newWatch(h *Hub, what subject, cancel context.CancelFunc) *watch {
	w := &watch{
		hub: h, what: what, cancel: cancel, kicks: make(chan struct{}, 1), news: newNews(),
		readers: map[*Subscription]struct{}{},
	}
	w.state = newState(h.sources, h.clock, what, w.news.attempts, func(v *View) { w.publish(v, nil) })
	return w
}

func (w *watch) join(s *Subscription) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readers[s] = struct{}{}
	if w.view != nil || w.err != nil {
		s.fresh <- struct{}{}
	}
}

func (w *watch) leave(s *Subscription) (left int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.readers, s)
	return len(w.readers)
}

func (w *watch) latest() (*View, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view, w.err
}

// over tells whether the watch polls no more.
func (w *watch) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err != nil || w.view != nil && w.view.Ended
}

func (w *watch) kick() {
	select {
	case w.kicks <- struct{}{}:
	default:
	}
}

// run polls until the subject has ended, or the last reader has left.
func (w *watch) run(ctx context.Context) {
	var listening sync.WaitGroup
	defer listening.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := sync.OnceFunc(func() {
		listening.Go(func() { w.news.listen(ctx, w.hub.sources.Output, w.state.pipelineID()) })
	})
	w.changed = time.Now()
	for {
		began := time.Now()
		view, different, err := w.poll(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil && different:
			w.publish(view, nil)
		case err == nil:
		case final(err):
			w.publish(nil, err)
			return
		default:
			w.hub.logger.Debug("watching waits for a service", "pipeline_id", w.what.pipeline, "job_id", w.what.job, "error", err)
		}
		if err == nil && view.Ended {
			return
		}
		if w.state.pipelineID() != "" {
			begin()
		}
		cost := time.Since(began)
		pause, least := w.pause(err, time.Since(w.changed), cost), 4*cost
		if w.state.missed && err == nil {
			w.state.missed, pause = false, min(pause, least)
		}
		if !w.rest(ctx, pause, least) {
			return
		}
	}
}

func (w *watch) poll(ctx context.Context) (*View, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return w.state.poll(ctx)
}

// final tells errors that asking again will not mend.
func final(err error) bool {
	switch core.ErrorCode(err) {
	case core.CodeNotFound, core.CodeForbidden, core.CodeInvalid:
		return true
	default:
		return false
	}
}

// pause grows with the time since the last change and never falls below four
// times what a poll costs, so that a pipeline of ten thousand jobs is asked for
// less often rather than all the time.
func (w *watch) pause(err error, quiet, cost time.Duration) time.Duration {
	if err != nil {
		return troubled
	}
	longest := slowest
	switch begins, known := w.state.starting(); {
	case begins && known && w.news.heard():
		// Output will tell, and whoever starts the task wants the processor.
		return max(slowest, 4*cost)
	case begins:
		longest = starting
	}
	return max(min(max(quiet/10, w.soonest()), longest), 4*cost)
}

// soonest is the shortest pause. What output tells by itself is not worth a
// close look, and while we look we do not hear.
func (w *watch) soonest() time.Duration {
	if w.news.heard() {
		return starting
	}
	return fastest
}

// rest waits for the pause to pass or a kick, and publishes what output tells
// meanwhile; least is the shortest pause, for news that only a poll explains.
// It returns whether to go on.
func (w *watch) rest(ctx context.Context, pause, least time.Duration) (alive bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-w.kicks:
			if !w.news.heard() {
				return true
			}
			pause = min(pause, w.soonest())
			timer.Reset(max(0, pause-time.Since(began)))
		case attempts := <-w.news.attempts:
			view, different, complete := w.state.take(attempts)
			if different {
				w.publish(view, nil)
			}
			if !complete {
				pause = min(pause, least)
				timer.Reset(max(0, pause-time.Since(began)))
			}
		}
	}
}

func (w *watch) publish(view *View, err error) {
	w.changed = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.view, w.err = view, err
	for s := range w.readers {
		select {
		case s.fresh <- struct{}{}:
		default:
		}
	}
}
