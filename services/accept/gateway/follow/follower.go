// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"context"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
)

// beat is the pause between two signs of life in silence.
const beat = 15 * time.Second

// follower tells one reader. All fields belong to the goroutine that runs Run;
// the goroutines that read output only send to chunks.
type follower struct {
	sub    *Subscription
	output core.Output
	cursor *Cursor
	sink   Sink

	view      *View
	pipeline  core.PipelineState // as told
	workflows map[core.WorkflowID]core.WorkflowStatus
	jobs      map[core.JobID]*jobProgress
	shown     map[core.JobID]bool // the jobs in the view
	steps     map[stepKey]*stepProgress
	chunks    chan chunk
	open      int // steps being read
	lastID    time.Time
}

// jobProgress is what the reader was told of a job.
type jobProgress struct {
	status core.JobStatus
	reason string
	number int64
	done   bool
}

// Follow tells sink everything about the subject from the cursor on and returns
// nil after the end event. The subscription stays the caller's to close.
//
// The order is: a job's status, its steps one after the other (beginning,
// output, end), the job's final status, the workflow's, the end. Steps in the
// background and jobs that run at once interleave.
func (h *Hub) Follow(ctx context.Context, sub *Subscription, cursor *Cursor, sink Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	f := &follower{
		sub: sub, output: h.sources.Output, cursor: cursor, sink: sink,
		workflows: map[core.WorkflowID]core.WorkflowStatus{}, jobs: map[core.JobID]*jobProgress{},
		steps: map[stepKey]*stepProgress{}, chunks: make(chan chunk),
	}
	return f.run(ctx, &readers)
}

func (f *follower) run(ctx context.Context, readers *sync.WaitGroup) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	retry := time.NewTicker(retryAfter) // for readings that broke
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := f.sink.Beat(); err != nil {
				return err
			}
			continue
		case <-retry.C:
		case <-f.sub.Fresh():
			view, err := f.sub.View()
			if err != nil {
				return err
			}
			f.look(view)
		case c := <-f.chunks:
			if err := f.take(c); err != nil {
				return err
			}
			if c.err == nil {
				continue
			}
		}
		if ended, err := f.tell(ctx, readers); ended || err != nil {
			return err
		}
	}
}

// look takes a new view.
func (f *follower) look(v *View) {
	f.view, f.shown = v, make(map[core.JobID]bool, len(v.Jobs))
	for _, job := range v.Jobs {
		f.shown[job.ID] = true
	}
}

// tell brings the reader up to the view and starts to read what can be read.
func (f *follower) tell(ctx context.Context, readers *sync.WaitGroup) (ended bool, err error) {
	v := f.view
	if v == nil {
		return false, nil
	}
	if v.Pipeline != nil && v.Pipeline.State != f.pipeline {
		f.pipeline = v.Pipeline.State
		if err := f.send(Event{Pipeline: v.Pipeline}); err != nil {
			return false, err
		}
	}
	if err := f.tellRunning(v); err != nil {
		return false, err
	}
	open, err := f.tellJobs(ctx, readers, v)
	if err != nil {
		return false, err
	}
	all := v.Ended
	for i := range v.Workflows {
		w := &v.Workflows[i]
		all = all && !open[w.ID]
		if v.Pipeline != nil && w.Status.Ended() && !open[w.ID] {
			if err := f.tellWorkflow(w); err != nil {
				return false, err
			}
		}
	}
	if !all {
		return false, nil
	}
	return true, f.sink.Send(Event{Cursor: f.cursor.String(), End: &EndEvent{Status: v.Status()}})
}

// tellJobs returns the workflows that have jobs which are not fully told. Each
// job that comes to its end may be what an earlier one in the list waited for,
// hence the repetition.
func (f *follower) tellJobs(ctx context.Context, readers *sync.WaitGroup, v *View) (map[core.WorkflowID]bool, error) {
	for {
		open, progress := map[core.WorkflowID]bool{}, false
		for i := range v.Jobs {
			job := &v.Jobs[i]
			before := f.jobs[job.ID] != nil && f.jobs[job.ID].done
			done, err := f.tellJob(ctx, readers, job)
			if err != nil {
				return nil, err
			}
			progress = progress || done && !before
			open[job.Workflow] = open[job.Workflow] || !done
		}
		if !progress {
			return open, nil
		}
	}
}

// tellRunning tells of workflows that have not ended; final ones wait for their
// jobs to be told.
func (f *follower) tellRunning(v *View) error {
	for i := range v.Workflows {
		w := &v.Workflows[i]
		_, told := f.workflows[w.ID]
		if v.Pipeline == nil || w.Status.Ended() && told {
			continue
		}
		shown := *w
		if w.Status.Ended() {
			// Its beginning is told first even to a reader who comes late.
			shown.Status, shown.StoppedAt = core.WorkflowRunning, nil
		}
		if err := f.tellWorkflow(&shown); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) tellWorkflow(w *core.Workflow) error {
	if f.workflows[w.ID] == w.Status {
		return nil
	}
	f.workflows[w.ID] = w.Status
	return f.send(Event{Workflow: w})
}

// tellJob returns whether all of the job has been told.
func (f *follower) tellJob(ctx context.Context, readers *sync.WaitGroup, job *JobView) (done bool, err error) {
	p := f.jobs[job.ID]
	if p == nil {
		p = &jobProgress{}
		f.jobs[job.ID] = p
	}
	if p.done {
		return true, nil
	}
	if job.Status != core.JobBlocked && !f.turn(job) {
		return false, nil
	}
	seen := job.Number > 0 && f.cursor.jobs[job.Number]
	if !job.Status.Ended() || len(job.Attempts) > 0 && p.status == "" && !seen {
		if err := f.tellStatus(p, job); err != nil {
			return false, err
		}
	}
	if !seen {
		told, err := f.tellAttempts(ctx, readers, job)
		if !told || err != nil {
			return false, err
		}
	}
	if !job.Final {
		return false, nil
	}
	p.done = true
	f.cursor.endJob(job.Number, job.Attempts)
	for _, a := range job.Attempts {
		for _, step := range a.Steps {
			delete(f.steps, stepKey{a.Attempt, step.Number})
		}
	}
	return true, f.send(Event{Job: job, Cursor: f.cursor.String()})
}

// turn tells whether the jobs that this one required have been told: a reader
// who comes late, or is slow, sees them in the order in which they ran.
func (f *follower) turn(job *JobView) bool {
	for _, id := range job.Dependencies {
		if f.shown[id] && (f.jobs[id] == nil || !f.jobs[id].done) {
			return false
		}
	}
	return true
}

// tellStatus tells of a job that has not ended. One that has, but whose output
// is still to be told, is shown as running until then.
func (f *follower) tellStatus(p *jobProgress, job *JobView) error {
	shown := *job
	if shown.Status.Ended() || len(job.Attempts) > 0 && shown.Status == core.JobQueued {
		shown.Status, shown.StoppedAt, shown.Reason = core.JobRunning, nil, ""
	}
	if p.status == shown.Status && p.reason == shown.Reason && p.number == shown.Number {
		return nil
	}
	p.status, p.reason, p.number = shown.Status, shown.Reason, shown.Number
	return f.send(Event{Job: &shown})
}

func (f *follower) send(e Event) error { return f.sink.Send(e) }
