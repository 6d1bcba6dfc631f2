// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// Enqueue implements core.Queue. A task whose resource class does not exist
// ends at once as failed, with a reason that lists those that do.
func (s *Service) Enqueue(ctx context.Context, tasks []core.QueuedTask) error {
	now := s.deps.Clock()
	rows, orgs, refused, err := s.rowsFor(tasks, store.At(now))
	if err != nil {
		return err
	}
	unknown := false
	err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if unknown, err = upsertOrganizations(ctx, tx, orgs); err != nil {
			return err
		}
		added, err := insertTasks(ctx, tx, rows)
		if err != nil {
			return err
		}
		var news []core.TaskReport
		for _, id := range added {
			if reason, ok := refused[id]; ok {
				news = append(news, core.TaskReport{Task: id, Attempt: 1, Status: core.JobFailed, Reason: reason, At: now})
			}
		}
		return insertReports(ctx, tx, store.At(now), news)
	})
	if err != nil {
		return err
	}
	s.deps.Hints.Notify(topicTasks)
	if unknown {
		s.deps.Hints.Notify(topicOrganizations)
	}
	if len(refused) > 0 {
		s.deps.Hints.Notify(topicReports)
	}
	return nil
}

// rowsFor turns tasks into rows. Tasks of one call keep their order: each is a
// microsecond younger than the one before.
func (s *Service) rowsFor(tasks []core.QueuedTask, now store.Time) (rows []*task, orgs []*organization, refused map[core.TaskID]string, err error) {
	refused = map[core.TaskID]string{}
	byOrg := map[core.OrganizationID]*organization{}
	seen := map[core.TaskID]bool{}
	for i, q := range tasks {
		if q.ID == "" || q.Organization == "" {
			return nil, nil, nil, core.Errorf(core.CodeInvalid, "task %d of %d has no id or no organization", i+1, len(tasks))
		}
		if seen[q.ID] {
			continue
		}
		seen[q.ID] = true
		row := &task{
			ID: q.ID, Organization: q.Organization, Executor: q.Executor, ResourceClass: q.ResourceClass,
			Rank: -int64(q.Priority), Turn: now.Time().UnixMicro() + int64(i), State: stateWaiting, WaitingSince: now,
			Job: q.Job, Follows: q.Follows && q.Job != "",
		}
		class, err := s.deps.Classes.Lookup(q.Executor, q.ResourceClass)
		if err != nil {
			row.State, row.EndedAt, row.Reason = stateEnded, now, core.ErrorMessage(err)
			refused[q.ID] = row.Reason
		}
		row.Pool, row.Line = class.Pool, lineOf(class.Pool, q.Organization)
		rows = append(rows, row)
		byOrg[q.Organization] = &organization{
			Item: work.Item{ID: string(q.Organization), DueAt: now}, Sample: q.ID, Concurrency: max(0, q.Concurrency),
		}
	}
	for _, o := range byOrg {
		orgs = append(orgs, o)
	}
	slices.SortFunc(orgs, func(a, b *organization) int { return cmp.Compare(a.ID, b.ID) })
	return rows, orgs, refused, nil
}

// CancelTasks implements core.Queue. The attempt of a released task is stopped
// by placements, whose report then ends the task; whatever final report comes
// first stays.
func (s *Service) CancelTasks(ctx context.Context, ids []core.TaskID) error {
	now := s.deps.Clock()
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		tasks, err := s.lockTasks(ctx, tx, batch.Unique(ids))
		if err != nil {
			return err
		}
		changed, news, stops := cancel(tasks, now)
		if err := updateTasks(ctx, tx, changed); err != nil {
			return err
		}
		if err := insertReports(ctx, tx, store.At(now), news); err != nil {
			return err
		}
		return stopAttempts(ctx, tx, now, stops)
	})
	if err != nil {
		return err
	}
	s.deps.Hints.Notify(topicReports)
	s.deps.Hints.Notify(topicAttempts)
	return nil
}

// cancel decides for each task: one that waits ends here, one that is released
// has its attempt stopped.
func cancel(tasks map[core.TaskID]*task, now time.Time) (changed []*task, news []core.TaskReport, stops []string) {
	for _, t := range tasks {
		switch {
		case t.State == stateEnded || t.Canceled:
			continue
		case t.State == stateWaiting:
			news = append(news, core.TaskReport{Task: t.ID, Attempt: t.upcoming(), Status: core.JobCanceled, At: now})
			t.State, t.EndedAt = stateEnded, store.At(now)
		default:
			stops = append(stops, string(t.Attempt))
		}
		t.Canceled = true
		changed = append(changed, t)
	}
	slices.SortFunc(changed, func(a, b *task) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(stops)
	return changed, news, stops
}

func stopAttempts(ctx context.Context, tx bun.Tx, now time.Time, ids []string) error {
	for part := range slices.Chunk(ids, batch.Size) {
		if _, err := tx.NewUpdate().Model((*attempt)(nil)).Set("stop = ?", true).Where("id IN (?)", bun.List(part)).Exec(ctx); err != nil {
			return err
		}
		if err := work.MarkDue(ctx, tx, "attempts", now, part...); err != nil {
			return err
		}
	}
	return nil
}
