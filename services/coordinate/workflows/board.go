// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"fmt"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// board is the part of some workflows that one change is about, and the state
// machine that plays on it. It does no I/O: whoever uses it puts rows on it,
// makes moves, lets settle ask for what is missing, and writes back what has
// changed.
//
//	            all requirements ended as asked
//	blocked ──────┬──► queued ──► running ──► the worst end of the job's tasks
//	   │          ├──► on_hold ─► success     approve
//	   │          ├──► success                a no-op
//	   │          └──► queued without tasks ─► as above, once its serial group is
//	   │                                      held (hold.go); else not_run, canceled
//	   ├──► not_run    one ended otherwise
//	   └──► canceled   cancel; likewise on_hold
//
// A queued or running job that is canceled goes on until the queue has stopped
// its tasks and said so: a job that still deploys must not look ended, or its
// rerun would run beside it.
type board struct {
	now       store.Time
	workflows map[core.WorkflowID]*workflow
	jobs      map[core.JobID]*job
	tasks     map[core.TaskID]*task
	links     map[core.JobID][]link // dependents of jobs
	holds     map[core.SerialID]*hold

	// ended are jobs that ended and whose dependents have not heard of it.
	ended []*job
	// What has come of the moves, each row once, in the order of first change.
	changedJobs  changes[core.JobID, *job]
	changedTasks changes[core.TaskID, *task]
	queued       []*job // need numbers and tasks
	stops        []*job // their tasks are to be canceled
	changedHolds changes[core.SerialID, *hold]
	dueHolds     bool // the queue has to hear of some
	released     bool // a held task may go to the queue
	// born are the hand-overs of queued jobs, once they are written.
	born *work.Born[*handover]
}

// discard gives up a board whose transaction has failed or is tried again. It
// may be nil.
func (b *board) discard() {
	if b != nil && b.born != nil {
		b.born.Drop()
	}
}

func newBoard(now store.Time) *board {
	return &board{
		now:       now,
		workflows: map[core.WorkflowID]*workflow{},
		jobs:      map[core.JobID]*job{},
		tasks:     map[core.TaskID]*task{},
		links:     map[core.JobID][]link{},
		holds:     map[core.SerialID]*hold{},
	}
}

// changes is a set that keeps its order, so that rows are written in one.
type changes[K comparable, V any] struct {
	seen map[K]struct{}
	list []V
}

func (c *changes[K, V]) add(key K, value V) {
	if _, ok := c.seen[key]; ok {
		return
	}
	if c.seen == nil {
		c.seen = map[K]struct{}{}
	}
	c.seen[key] = struct{}{}
	c.list = append(c.list, value)
}

// set moves a job to a status. It is the only place where one changes, and a
// final one never does.
func (b *board) set(j *job, to core.JobStatus, reason string, at store.Time) {
	if j.Status.Ended() || j.Status == to {
		return
	}
	b.workflows[j.Workflow].Tally.V.move(j.Status, to)
	j.Status, j.Reason = to, reason
	switch {
	case to == core.JobQueued:
		j.QueuedAt = at
		if !j.Waits {
			b.enqueue(j)
		}
	case to == core.JobOnHold:
		j.QueuedAt = at // from when on it waits, which has an end
	case to == core.JobRunning:
		j.StartedAt = at
	case to.Ended():
		j.StoppedAt, j.Waits = later(at, j.StartedAt), false
		b.ended = append(b.ended, j)
		b.leave(j)
	}
	b.changedJobs.add(j.ID, j)
}

// later keeps an end from being dated before its beginning: the two may be of
// different clocks.
func later(a, b store.Time) store.Time {
	if a.Time().Before(b.Time()) {
		return b
	}
	return a
}

// enqueue has a queued job get its number and its tasks.
func (b *board) enqueue(j *job) {
	j.OpenTasks = j.Parallelism
	b.queued = append(b.queued, j)
}

// start sets a job going whose requirements are met.
func (b *board) start(j *job) {
	if j.Hold != "" {
		b.enter(j)
		return
	}
	b.proceed(j)
}

// settle tells dependents of the jobs that ended, theirs of those that ended
// through it, and so on until nothing moves. Before each round load has to put
// the links of the ended jobs, and the dependents that they name, on the board;
// depth counts the rounds.
func (b *board) settle(load func(ended []*job, depth int) error) error {
	for depth := 0; len(b.ended) > 0; depth++ {
		ended := b.ended
		b.ended = nil
		if err := load(ended, depth); err != nil {
			return fmt.Errorf("loading dependents: %w", err)
		}
		for _, j := range ended {
			for _, l := range b.links[j.ID] {
				b.hear(b.jobs[jobID(j.Workflow, l.Job)], j, l.Accept)
			}
		}
	}
	return nil
}

// hear tells a dependent that a job it requires has ended. One that cannot be
// met any more is decided at once, whatever the others do.
func (b *board) hear(dependent, ended *job, accept statusSet) {
	if dependent == nil || dependent.Status != core.JobBlocked {
		return
	}
	if !accept.has(ended.Status) {
		reason := fmt.Sprintf("%s ended with %s", ended.Name, ended.Status)
		b.set(dependent, core.JobNotRun, reason, b.now)
		return
	}
	dependent.Unmet--
	b.changedJobs.add(dependent.ID, dependent)
	if dependent.Unmet == 0 {
		b.start(dependent)
	}
}

// report applies news of a task that is on the board with its job, and tells
// whether it was news.
//
// What is known of a task is (attempt, stage), stage counting queued 0, running
// 1, final 2. A report moves it forward or does nothing: so repeated and
// overtaken reports are harmless, and the first end of a task stays.
func (b *board) report(r core.TaskReport) bool {
	t := b.tasks[r.Task]
	if t == nil || t.Status.Ended() || r.Attempt < t.Attempt {
		return false
	}
	if r.Attempt == t.Attempt && stage(r.Status) <= stage(t.Status) {
		return false
	}
	at := store.At(r.At)
	if at.IsZero() {
		at = b.now
	}
	if r.Attempt > t.Attempt {
		t.StartedAt = store.Time{}
	}
	t.Attempt, t.Status, t.Reason = r.Attempt, r.Status, clean(r.Reason)
	b.changedTasks.add(t.ID, t)
	if t.StartedAt.IsZero() && hasRun(r.Status) {
		t.StartedAt = at
	}
	if r.Status.Ended() {
		t.StoppedAt = later(at, t.StartedAt)
	}
	b.follow(b.jobs[t.Job], t, at)
	return true
}

// follow draws the consequences of a task's new status for its job.
func (b *board) follow(j *job, t *task, at store.Time) {
	if j.Status.Ended() {
		return
	}
	if j.Status == core.JobQueued && hasRun(t.Status) {
		b.set(j, core.JobRunning, j.Reason, at)
	}
	if !t.Status.Ended() {
		return
	}
	b.changedJobs.add(j.ID, j)
	j.OpenTasks--
	if worst := worse(j.Outcome, t.Status); worst != j.Outcome {
		j.Outcome, j.OutcomeReason = worst, t.Reason
	}
	if j.OpenTasks == 0 {
		b.set(j, j.Outcome, j.OutcomeReason, at)
	}
}

// maxReason is how many bytes of a reason are kept.
const maxReason = 4096

// clean makes a text from outside fit for a column; PostgreSQL takes neither
// NUL nor broken UTF-8.
func clean(text string) string {
	text = strings.ReplaceAll(text, "\x00", "")
	if len(text) > maxReason {
		text = text[:maxReason]
	}
	return strings.ToValidUTF8(text, "")
}

func stage(s core.JobStatus) int {
	switch {
	case s.Ended():
		return 2
	case s == core.JobRunning:
		return 1
	default:
		return 0
	}
}

// hasRun tells whether a task of this status has run steps, also when the
// report that said so was overtaken by the one of its end.
func hasRun(s core.JobStatus) bool {
	switch s {
	case core.JobRunning, core.JobSuccess, core.JobFailed, core.JobTimedOut:
		return true
	default:
		return false
	}
}

// approve releases an approval job. Only one that waits can be.
func (b *board) approve(j *job, by core.UserID) error {
	switch j.Status {
	case core.JobOnHold:
		j.ApprovedBy = by
		b.set(j, core.JobSuccess, "", b.now)
		return nil
	case core.JobBlocked:
		return core.Errorf(core.CodeConflict, "%s cannot be approved yet: jobs that it requires have not ended", j.Name)
	case core.JobSuccess:
		return core.Errorf(core.CodeConflict, "%s has been approved already", j.Name)
	default:
		return core.Errorf(core.CodeConflict, "%s cannot be approved: it is %s", j.Name, j.Status)
	}
}

// cancel ends a job that waits, and asks the queue to stop one that is queued
// or runs. One that has ended stays.
func (b *board) cancel(j *job, by core.UserID, reason string) {
	switch {
	case j.Status == core.JobBlocked, j.Status == core.JobOnHold, j.Waits:
		j.CancelAsked, j.CanceledBy = true, by
		b.set(j, core.JobCanceled, reason, b.now)
	case j.Status == core.JobQueued, j.Status == core.JobRunning:
		if j.CancelAsked {
			return
		}
		j.CancelAsked, j.CanceledBy, j.Reason = true, by, "canceled; its tasks are being stopped"
		b.changedJobs.add(j.ID, j)
		b.stops = append(b.stops, j)
	}
}

// cancelWorkflow cancels all open jobs of a workflow, which are on the board.
// No dependent starts on the canceled end of another: they all end together.
func (b *board) cancelWorkflow(w *workflow, open []*job, by core.UserID, reason string) {
	if !w.CancelAsked {
		w.CancelAsked, w.CanceledBy = true, by
	}
	news := b.ended
	for _, j := range open {
		b.cancel(j, by, reason)
	}
	b.ended = news
}

// close gives each workflow on the board its status and end.
func (b *board) close() {
	for _, w := range b.workflows {
		if w.Status.Ended() {
			continue
		}
		w.Status = w.Tally.V.status(w.CancelAsked)
		if w.Status.Ended() {
			w.StoppedAt = b.now
		}
	}
}
