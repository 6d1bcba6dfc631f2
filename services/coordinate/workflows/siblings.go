// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

// siblingTopic wakes those who wait for the tasks of a job.
func siblingTopic(id core.JobID) string { return "workflows.siblings/" + string(id) }

// hasDeploy tells whether a job has a deploy step that one of several tasks is to
// run.
func hasDeploy(p core.JobPlan) bool {
	return p.Parallelism > 1 && slices.ContainsFunc(p.Steps, func(s core.StepPlan) bool { return s.Run != nil && s.Run.Deploy })
}

// held tells whether a task is kept from the queue at first: one that will wait
// for the others holds a slot and a place on a client while it does, which those
// may need. It follows when each of them has begun: they wait for nobody, so they
// end however full the cluster is. One that is lost later has to find a place once
// more: the task that waits gives its own back (execute.Config.Yield), and the
// queue, which tries it again, holds it from then on (core.QueuedTask.Follows).
func (j *job) held(index int) bool { return j.Deploys && index == 0 }

// release lets the held tasks go whose siblings have all begun. The board's tasks
// are written by then.
func (s *Service) release(ctx context.Context, tx bun.Tx, b *board) error {
	asked := map[core.JobID]bool{}
	for _, t := range b.changedTasks.list {
		j := b.jobs[t.Job]
		if j == nil || !j.Deploys || j.held(t.Index) || t.Status == core.JobQueued || asked[j.ID] {
			continue
		}
		asked[j.ID] = true
		waiting, err := tx.NewSelect().Model((*task)(nil)).
			Where("job_id = ?", j.ID).Where("idx <> 0").Where("status = ?", core.JobQueued).Exists(ctx)
		if err != nil {
			return fmt.Errorf("looking whether all tasks of a job have begun: %w", err)
		}
		if waiting {
			continue
		}
		if err := work.MarkDue(ctx, tx, handoverTable, b.now.Time(), string(taskID(j.ID, 0))); err != nil {
			return fmt.Errorf("releasing the task that deploys: %w", err)
		}
		b.released = true
	}
	return nil
}

// TaskSiblings implements core.TaskSiblings.
func (s *Service) TaskSiblings(ctx context.Context, q core.SiblingQuery) (core.Siblings, error) {
	asked := new(task)
	err := s.db.NewSelect().Model(asked).Where("id = ?", q.Task).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return core.Siblings{}, core.Errorf(core.CodeNotFound, "there is no task %s", q.Task)
	}
	if err != nil {
		return core.Siblings{}, readFailure("reading the task", err)
	}
	hint, unsubscribe := s.hints.Subscribe(siblingTopic(asked.Job))
	defer unsubscribe()
	timeout := time.NewTimer(min(q.Wait, core.MaxSiblingWait))
	defer timeout.Stop()
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	for {
		found, err := s.siblings(ctx, asked)
		if err != nil || found.Version != q.Known {
			return found, err
		}
		select {
		case <-hint:
		case <-poll.C:
		case <-timeout.C:
			return found, nil
		case <-s.stopped:
			return found, nil // the next question finds another instance, or us again
		case <-ctx.Done():
			return core.Siblings{}, ctx.Err()
		}
	}
}

// siblings reads them as they are now.
func (s *Service) siblings(ctx context.Context, asked *task) (core.Siblings, error) {
	var rows []*task
	if err := s.db.NewSelect().Model(&rows).Where("job_id = ?", asked.Job).Scan(ctx); err != nil {
		return core.Siblings{}, readFailure("reading the tasks of a job", err)
	}
	slices.SortFunc(rows, func(a, b *task) int { return cmp.Compare(a.Index, b.Index) })
	found := core.Siblings{Tasks: []core.Sibling{}}
	sum := fnv.New64a()
	for _, t := range rows {
		if t.ID == asked.ID {
			continue
		}
		found.Tasks = append(found.Tasks, core.Sibling{Index: t.Index, Status: t.Status, Attempt: t.Attempt, Reason: t.Reason})
		fmt.Fprintln(sum, t.Index, t.Status, t.Attempt)
	}
	found.Version = fmt.Sprintf("%016x", sum.Sum64())
	return found, nil
}

// tellSiblings wakes whoever waits for tasks that have moved.
func (s *Service) tellSiblings(b *board) {
	for _, t := range b.changedTasks.list {
		if j := b.jobs[t.Job]; j != nil && j.Deploys {
			s.hints.Notify(siblingTopic(j.ID))
		}
	}
}
