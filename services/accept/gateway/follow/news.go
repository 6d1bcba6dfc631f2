// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/muster-ci/muster/core"
)

// news are the attempts whose steps have changed, as output tells of them.
type news struct {
	attempts chan []core.AttemptSteps
	open     *atomic.Bool
}

func newNews() news {
	return news{attempts: make(chan []core.AttemptSteps), open: new(atomic.Bool)}
}

// heard tells whether output tells us of changes at the moment.
func (n news) heard() bool { return n.open.Load() }

// listen hands on what output tells of a pipeline until ctx ends. Whatever is
// missed while output is away, the polls find.
func (n news) listen(ctx context.Context, output core.Output, id core.PipelineID) {
	for ctx.Err() == nil {
		_ = output.FollowSteps(ctx, id, func(attempts []core.AttemptSteps) error {
			n.open.Store(true)
			if len(attempts) == 0 {
				return nil
			}
			select {
			case n.attempts <- attempts:
			case <-ctx.Done():
			}
			return ctx.Err()
		})
		n.open.Store(false)
		timer := time.NewTimer(troubled)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pipelineID is the subject's pipeline, "" while it is not known.
func (s *state) pipelineID() core.PipelineID {
	if s.what.job == "" {
		return s.what.pipeline
	}
	for job := range s.each {
		return job.Pipeline
	}
	return ""
}

// ask makes a call, and takes news until it is answered: a service that takes
// its time must not stand between a reader and the first line.
func ask[T any](s *state, call func() (T, error)) (T, error) {
	var answer T
	var err error
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answer, err = call()
	}()
	for {
		select {
		case <-answered:
			return answer, err
		case attempts := <-s.news:
			view, different, complete := s.take(attempts)
			s.missed = s.missed || !complete
			if different {
				s.show(view)
			}
		}
	}
}

// take adds attempts that output told of to what is known. It is incomplete
// when a poll has to follow: an attempt belongs to a job that is not known well
// enough, or its end is news of the job as well.
func (s *state) take(attempts []core.AttemptSteps) (view *View, different, complete bool) {
	complete = true
	for _, a := range attempts {
		k := s.ofTask(a.Task)
		if k == nil {
			complete = complete && s.what.job != ""
			continue
		}
		complete = complete && !a.Status.Ended()
		if !k.final {
			k.add(a)
		}
	}
	if s.what.job == "" && s.pipeline == nil {
		return nil, false, complete // no poll has been answered yet
	}
	view, different = s.build()
	return view, different, complete
}

// ofTask finds what is known of the job of a task, nil when that is nothing.
func (s *state) ofTask(id core.TaskID) *known {
	for _, k := range s.jobs {
		if slices.ContainsFunc(k.tasks, func(t core.Task) bool { return t.ID == id }) {
			return k
		}
	}
	return nil
}

// add replaces an attempt by news of it, unless a poll knew more already.
func (k *known) add(a core.AttemptSteps) {
	for number, head := range a.Heads {
		if k.heads == nil {
			k.heads = map[stepKey][]byte{}
		}
		k.heads[stepKey{a.Attempt, number}] = head
	}
	a.Heads = nil
	for i, old := range k.attempts {
		if old.Attempt != a.Attempt {
			continue
		}
		if progress(a) >= progress(old) {
			k.attempts[i] = a
		}
		return
	}
	k.attempts = append(k.attempts, a)
}

// progress grows with what is known of an attempt.
func progress(a core.AttemptSteps) (n int64) {
	if a.Status.Ended() {
		n++
	}
	for _, step := range a.Steps {
		n += 1 + step.Bytes
		if step.StoppedAt != nil {
			n++
		}
	}
	return n
}
