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

	"github.com/muster-ci/muster/core"
)

// siblingTopic wakes those who wait for the tasks of a job.
func siblingTopic(id core.JobID) string { return "workflows.siblings/" + string(id) }

// hasDeploy tells whether a job has a deploy step that one of several tasks is to
// run.
func hasDeploy(p core.JobPlan) bool {
	return p.Parallelism > 1 && slices.ContainsFunc(p.Steps, func(s core.StepPlan) bool { return s.Run != nil && s.Run.Deploy })
}

// order is the order in which the queue gets the tasks of a job. Where the first
// one is to wait for the others it comes last: it holds a slot while it waits,
// which may be the only one that the organization has.
func (j *job) order() []int {
	indexes := make([]int, j.Parallelism)
	for i := range indexes {
		indexes[i] = i
		if j.Deploys {
			indexes[i] = (i + 1) % j.Parallelism
		}
	}
	return indexes
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
