// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
)

// ReportAttempts implements core.Queue. News of attempts that are not known, or
// that tell nothing new, change nothing.
func (s *Service) ReportAttempts(ctx context.Context, reports []core.AttemptReport) error {
	now := s.deps.Clock()
	var c *changes
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		tasks, attempts, err := s.lockAttempts(ctx, tx, reports)
		if err != nil {
			return err
		}
		c = &changes{max: s.cfg.MaxAttempts, now: now, tasks: map[core.TaskID]*task{}, attempts: map[string]*attempt{}}
		for _, r := range reports {
			if a := attempts[string(r.Attempt)]; a != nil && tasks[a.Task] != nil {
				c.apply(tasks[a.Task], a, r)
			}
		}
		return c.save(ctx, tx)
	})
	if err != nil {
		return err
	}
	if len(c.news) > 0 {
		s.deps.Hints.Notify(topicReports)
		s.deps.Hints.Notify(topicTasks) // a slot may have become free
	}
	return nil
}

// lockAttempts reads the attempts of reports and locks their tasks. An attempt
// changes only under the lock of its task, so it is read after locking.
func (s *Service) lockAttempts(ctx context.Context, tx bun.Tx, reports []core.AttemptReport) (map[core.TaskID]*task, map[string]*attempt, error) {
	ids := make([]string, len(reports))
	for i, r := range reports {
		ids[i] = string(r.Attempt)
	}
	ids = batch.Unique(ids)
	var of []core.TaskID
	for part := range slices.Chunk(ids, batch.Size) {
		var some []core.TaskID
		if err := tx.NewSelect().Model((*attempt)(nil)).Column("task").Where("id IN (?)", bun.List(part)).Scan(ctx, &some); err != nil {
			return nil, nil, fmt.Errorf("finding the tasks of attempts: %w", err)
		}
		of = append(of, some...)
	}
	tasks, err := s.lockTasks(ctx, tx, batch.Unique(of))
	if err != nil {
		return nil, nil, err
	}
	attempts := make(map[string]*attempt, len(ids))
	for part := range slices.Chunk(ids, batch.Size) {
		var rows []*attempt
		if err := tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return nil, nil, fmt.Errorf("reading attempts: %w", err)
		}
		for _, a := range rows {
			attempts[a.ID] = a
		}
	}
	return tasks, attempts, nil
}

// changes collects what a batch of reports does to rows that are locked.
type changes struct {
	max      int // attempts of a task
	now      time.Time
	tasks    map[core.TaskID]*task
	attempts map[string]*attempt
	news     []core.TaskReport
}

// apply takes one report. A status never goes back: queued, running, final.
func (c *changes) apply(t *task, a *attempt, r core.AttemptReport) {
	if a.Status.Ended() || r.Status == core.JobQueued && a.Status != core.JobQueued {
		return
	}
	if a.Status == r.Status && a.Reason == r.Reason {
		return
	}
	known := a.Status
	a.Status, a.Reason = r.Status, r.Reason
	c.attempts[a.ID] = a
	if t.State == stateEnded || t.Attempt != core.AttemptID(a.ID) {
		return // an attempt that the task has left behind
	}
	switch {
	case r.Status == core.JobQueued:
	case r.Status == core.JobRunning:
		if known != core.JobRunning {
			c.set(t, stateRunning)
			c.tell(t, a.Number, core.JobRunning, "", r.At)
		}
	case c.retries(t, a, r):
		c.retry(t, a, r)
	default:
		c.end(t, a, r)
	}
}

// retries tells whether a report asks for a further attempt and gets it.
func (c *changes) retries(t *task, a *attempt, r core.AttemptReport) bool {
	return r.Status == core.JobInfrastructureFail && r.Retryable && !t.Canceled && a.Number < c.max
}

// retry puts the task back in line. It keeps its turn, so it is first among the
// tasks of its priority.
func (c *changes) retry(t *task, a *attempt, r core.AttemptReport) {
	c.set(t, stateWaiting)
	t.WaitingSince = store.At(c.now)
	t.Reason = fmt.Sprintf("attempt %d of %d ended without a result (%s); the task is tried again", a.Number, c.max, orUnknown(r.Reason))
	c.tell(t, a.Number+1, core.JobQueued, t.Reason, r.At)
}

func (c *changes) end(t *task, a *attempt, r core.AttemptReport) {
	status, reason := r.Status, r.Reason
	// What a canceled task's infrastructure did on its way out is not the
	// user's concern: it ends as what was asked for.
	if t.Canceled && status == core.JobInfrastructureFail {
		status, reason = core.JobCanceled, ""
	}
	if status == core.JobInfrastructureFail && r.Retryable && c.max > 1 {
		reason = fmt.Sprintf("all %d attempts ended without a result; the last one: %s", c.max, orUnknown(r.Reason))
	}
	c.set(t, stateEnded)
	t.EndedAt, t.Reason = store.At(c.now), reason
	c.tell(t, a.Number, status, reason, r.At)
}

func (c *changes) set(t *task, state string) {
	t.State = state
	c.tasks[t.ID] = t
}

func (c *changes) tell(t *task, number int, status core.JobStatus, reason string, at time.Time) {
	if at.IsZero() {
		at = c.now
	}
	c.news = append(c.news, core.TaskReport{Task: t.ID, Attempt: number, Status: status, Reason: reason, At: at})
}

func orUnknown(reason string) string { return cmp.Or(reason, "no reason was given") }

func (c *changes) save(ctx context.Context, tx bun.Tx) error {
	tasks := make([]*task, 0, len(c.tasks))
	for _, t := range c.tasks {
		tasks = append(tasks, t)
	}
	attempts := make([]*attempt, 0, len(c.attempts))
	for _, a := range c.attempts {
		attempts = append(attempts, a)
	}
	slices.SortFunc(tasks, func(a, b *task) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(attempts, func(a, b *attempt) int { return cmp.Compare(a.ID, b.ID) })
	if err := updateTasks(ctx, tx, tasks); err != nil {
		return err
	}
	if err := updateAttempts(ctx, tx, attempts); err != nil {
		return err
	}
	return insertReports(ctx, tx, store.At(c.now), c.news)
}
