// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"context"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
)

// Sources are the services that a hub asks.
type Sources struct {
	Pipelines core.Pipelines
	Workflows core.Workflows
	Jobs      core.Jobs
	Output    core.Output
	Queue     core.Queue
}

// Hub keeps one watch per subject that has readers.
type Hub struct {
	sources Sources
	logger  hclog.Logger
	clock   core.Clock

	running sync.WaitGroup
	mu      sync.Mutex
	watches map[subject]*watch
}

// subject is what is watched: one of the two is set.
type subject struct {
	pipeline core.PipelineID
	job      core.JobID
}

// NewHub makes a hub. It starts nothing until somebody subscribes.
func NewHub(sources Sources, clock core.Clock, logger hclog.Logger) *Hub {
	return &Hub{sources: sources, clock: clock, logger: logger, watches: map[subject]*watch{}}
}

// Wait returns when the last watch has ended, which they do with their readers.
func (h *Hub) Wait() { h.running.Wait() }

// Pipeline subscribes to a pipeline with its workflows and jobs.
func (h *Hub) Pipeline(ctx context.Context, id core.PipelineID) *Subscription {
	return h.subscribe(ctx, subject{pipeline: id})
}

// Job subscribes to one job.
func (h *Hub) Job(ctx context.Context, id core.JobID) *Subscription {
	return h.subscribe(ctx, subject{job: id})
}

// Subscription is one reader's share of a watch. Close ends it.
type Subscription struct {
	hub   *Hub
	watch *watch
	// fresh says that there is a view which this reader has not seen.
	fresh chan struct{}
	once  sync.Once
}

// subscribe joins the watch of a subject, or starts one. It outlives the ctx of
// its first reader as long as others read.
func (h *Hub) subscribe(ctx context.Context, what subject) *Subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watches[what]
	if w == nil || w.over() {
		// One that is over still serves its readers. A new reader gets a new one,
		// since a rerun may have brought an ended pipeline back to life.
		watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		w = newWatch(h, what, cancel)
		h.watches[what] = w
		h.running.Go(func() { w.run(watchCtx) })
	}
	s := &Subscription{hub: h, watch: w, fresh: make(chan struct{}, 1)}
	w.join(s)
	return s
}

// Close leaves the watch, which ends with its last reader.
func (s *Subscription) Close() {
	s.once.Do(func() {
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		if s.watch.leave(s) == 0 {
			s.watch.cancel()
			if s.hub.watches[s.watch.what] == s.watch {
				delete(s.hub.watches, s.watch.what)
			}
		}
	})
}

// Fresh signals that View has something new to say.
func (s *Subscription) Fresh() <-chan struct{} { return s.fresh }

// View returns the newest view, nil before the first; the error is final.
func (s *Subscription) View() (*View, error) { return s.watch.latest() }

// Kick asks for a poll at once: the reader knows that something has changed.
func (s *Subscription) Kick() { s.watch.kick() }
