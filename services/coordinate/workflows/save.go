// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// save writes what has changed on a board, and the new workflows of drafts, which
// are played here and inserted as they come to rest.
func (s *Service) save(ctx context.Context, tx bun.Tx, b *board, drafts []*draft) error {
	fresh := map[core.WorkflowID]bool{}
	for _, d := range drafts {
		fresh[d.workflow.ID] = true
		d.play(b)
	}
	b.close()
	if err := s.saveQueued(ctx, tx, b); err != nil {
		return err
	}
	if err := s.saveStops(ctx, tx, b); err != nil {
		return err
	}
	if err := insertDrafts(ctx, tx, b, drafts); err != nil {
		return err
	}
	if err := updateBoard(ctx, tx, b, fresh); err != nil {
		return err
	}
	if err := s.release(ctx, tx, b); err != nil {
		return err
	}
	return s.saveHolds(ctx, tx, b, fresh)
}

func insertDrafts(ctx context.Context, tx bun.Tx, b *board, drafts []*draft) error {
	var workflows []*workflow
	var jobs []*job
	var plans []*jobPlan
	for _, d := range drafts {
		workflows = append(workflows, d.workflow)
		jobs = append(jobs, d.jobs...)
		plans = append(plans, d.plans...)
		if err := d.insertHolds(ctx, tx, b); err != nil {
			return fmt.Errorf("writing holds of serial groups: %w", err)
		}
	}
	if err := insert(ctx, tx, workflows); err != nil {
		return fmt.Errorf("writing workflows: %w", err)
	}
	if err := insert(ctx, tx, jobs); err != nil {
		return fmt.Errorf("writing jobs: %w", err)
	}
	if err := insert(ctx, tx, plans); err != nil {
		return fmt.Errorf("writing plans: %w", err)
	}
	return nil
}

// updateBoard writes the rows that were in the tables before; those of fresh
// workflows were not.
func updateBoard(ctx context.Context, tx bun.Tx, b *board, fresh map[core.WorkflowID]bool) error {
	var jobs []*jobUpdate
	for _, j := range b.changedJobs.list {
		if !fresh[j.Workflow] {
			jobs = append(jobs, &jobUpdate{ID: j.ID, jobState: j.jobState})
		}
	}
	if err := update(ctx, tx, jobs); err != nil {
		return fmt.Errorf("writing jobs: %w", err)
	}
	tasks := make([]*taskUpdate, len(b.changedTasks.list))
	for i, t := range b.changedTasks.list {
		tasks[i] = &taskUpdate{ID: t.ID, taskState: t.taskState}
	}
	if err := update(ctx, tx, tasks); err != nil {
		return fmt.Errorf("writing tasks: %w", err)
	}
	var updates []*workflowUpdate
	for _, w := range sortedWorkflows(b) {
		if !fresh[w.ID] {
			updates = append(updates, &workflowUpdate{ID: w.ID, workflowState: w.workflowState})
		}
	}
	if err := update(ctx, tx, updates); err != nil {
		return fmt.Errorf("writing workflows: %w", err)
	}
	return nil
}

// update writes the state of rows that exist.
func update[T any](ctx context.Context, tx bun.Tx, rows []T) error {
	for part := range slices.Chunk(rows, chunk) {
		if _, err := tx.NewUpdate().Model(&part).Bulk().Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// insert writes new rows.
func insert[T any](ctx context.Context, tx bun.Tx, rows []T) error {
	for part := range slices.Chunk(rows, chunk) {
		if _, err := tx.NewInsert().Model(&part).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func sortedWorkflows(b *board) []*workflow {
	return slices.SortedFunc(maps.Values(b.workflows), func(x, y *workflow) int { return cmp.Compare(x.ID, y.ID) })
}

// saveQueued gives the jobs that became queued their numbers and tasks, and
// leaves the tasks for the queue.
func (s *Service) saveQueued(ctx context.Context, tx bun.Tx, b *board) error {
	if len(b.queued) == 0 {
		return nil
	}
	if err := numberJobs(ctx, tx, b.queued); err != nil {
		return fmt.Errorf("numbering jobs: %w", err)
	}
	var tasks []*task
	var handovers, held []*handover
	for _, j := range b.queued {
		for i := range j.Parallelism {
			t := &task{ID: taskID(j.ID, i), Job: j.ID, Workflow: j.Workflow, Index: i, taskState: taskState{Status: core.JobQueued}}
			tasks = append(tasks, t)
			h := newHandover(b.workflows[j.Workflow], j, t, b.now)
			if j.held(i) {
				h.DueAt = store.Time{}
				held = append(held, h)
				continue
			}
			handovers = append(handovers, h)
		}
	}
	if err := insert(ctx, tx, tasks); err != nil {
		return fmt.Errorf("writing tasks: %w", err)
	}
	b.born = s.handovers.Lease(handovers...)
	if err := insert(ctx, tx, append(handovers, held...)); err != nil {
		return fmt.Errorf("leaving tasks for the queue: %w", err)
	}
	return nil
}

func newHandover(w *workflow, j *job, t *task, now store.Time) *handover {
	h := &handover{
		Item:    work.Item{ID: string(t.ID), DueAt: now},
		Enqueue: true,
		Task: store.JSON[core.QueuedTask]{V: core.QueuedTask{
			ID: t.ID, Organization: w.Organization, Project: w.Project, Concurrency: w.Concurrency,
			Executor: j.Executor, ResourceClass: j.ResourceClass,
		}},
	}
	if j.Deploys {
		h.Task.V.Job, h.Task.V.Follows = j.ID, j.held(t.Index)
	}
	return h
}

// numberJobs gives jobs the next numbers of their projects. The projects' rows
// are held to the end of the transaction, so numbers have no gaps; they are
// taken in order, and after the workflows' rows, so that nobody waits in a
// circle.
func numberJobs(ctx context.Context, tx bun.Tx, jobs []*job) error {
	byProject := map[core.ProjectID][]*job{}
	for _, j := range jobs {
		byProject[j.Project] = append(byProject[j.Project], j)
	}
	for _, project := range slices.Sorted(maps.Keys(byProject)) {
		mine := byProject[project]
		var last int64
		err := tx.NewRaw(`INSERT INTO job_numbers (project_id, last) VALUES (?, ?)
			ON CONFLICT (project_id) DO UPDATE SET last = job_numbers.last + excluded.last RETURNING last`,
			project, len(mine)).Scan(ctx, &last)
		if err != nil {
			return err
		}
		for i, j := range mine {
			j.Number = last - int64(len(mine)-1-i)
		}
	}
	return nil
}

// saveStops leaves word for the queue to stop the open tasks of canceled jobs.
// A task whose hand-over still lies there is handed over first and canceled
// then: the queue may have it already, with only the answer lost.
func (s *Service) saveStops(ctx context.Context, tx bun.Tx, b *board) error {
	for part := range slices.Chunk(b.stops, chunk) {
		jobs := make([]core.JobID, len(part))
		for i, j := range part {
			jobs[i] = j.ID
		}
		var ids []core.TaskID
		err := tx.NewSelect().Model((*task)(nil)).Column("id").
			Where("job_id IN (?)", bun.List(jobs)).Where("stopped_at IS NULL").Order("id").Scan(ctx, &ids)
		if err != nil {
			return fmt.Errorf("reading tasks to stop: %w", err)
		}
		if err := stopTasks(ctx, tx, ids, b.now.Time()); err != nil {
			return fmt.Errorf("leaving word to stop tasks: %w", err)
		}
	}
	return nil
}

func stopTasks(ctx context.Context, tx bun.Tx, ids []core.TaskID, now time.Time) error {
	for part := range slices.Chunk(ids, chunk) {
		rows := make([]*handover, len(part))
		names := make([]string, len(part))
		for i, id := range part {
			rows[i] = &handover{Item: work.Item{ID: string(id)}, Cancel: true}
			names[i] = string(id)
		}
		_, err := tx.NewInsert().Model(&rows).On("CONFLICT (id) DO UPDATE").Set("cancel = TRUE").Exec(ctx)
		if err != nil {
			return err
		}
		// Also for new rows: a loop that holds the row sees that it changed.
		if err := work.MarkDue(ctx, tx, handoverTable, now, names...); err != nil {
			return err
		}
	}
	return nil
}
