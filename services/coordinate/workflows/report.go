// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// ReportTasks implements core.Tasks. Tasks that are not known are passed over:
// nothing that is said of them can help.
func (s *Service) ReportTasks(ctx context.Context, reports []core.TaskReport) error {
	for _, r := range reports {
		if !knownStatus(r.Status) {
			return core.Errorf(core.CodeInvalid, "task %s is reported %q, which is no status of a task", r.Task, r.Status)
		}
	}
	s.metrics.reports.Add(float64(len(reports)))
	for part := range slices.Chunk(reports, chunk) {
		if err := s.change(ctx, func(ctx context.Context, tx bun.Tx, b *board) error {
			return s.takeReports(ctx, tx, b, part)
		}); err != nil {
			return fmt.Errorf("taking task reports: %w", err)
		}
	}
	return nil
}

func knownStatus(status core.JobStatus) bool {
	return status == core.JobQueued || status == core.JobRunning || slices.Contains(finals, status)
}

// change runs one transaction: do loads and moves, and what it moved is
// settled, written, counted and told.
func (s *Service) change(ctx context.Context, do func(context.Context, bun.Tx, *board) error) error {
	var b *board
	err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		b.discard()
		b = newBoard(s.now())
		if err := do(ctx, tx, b); err != nil {
			return err
		}
		if err := s.settle(ctx, tx, b); err != nil {
			return err
		}
		b.close()
		again, err := s.rerunFailed(ctx, tx, b)
		if err != nil {
			return err
		}
		return s.save(ctx, tx, b, again)
	})
	if err != nil {
		b.discard()
		return err
	}
	s.tell(ctx, b)
	return nil
}

// tell hands on what a committed board has moved, and counts and logs it.
func (s *Service) tell(ctx context.Context, b *board) {
	if b.born != nil {
		b.born.Hand(ctx)
	}
	if b.dueHolds {
		s.hints.Notify(holdTopic)
	}
	if len(b.stops) > 0 || b.released {
		s.hints.Notify(handoverTopic)
	}
	s.tellSiblings(b)
	s.metrics.count(b)
	for _, w := range b.workflows {
		if w.StoppedAt == b.now {
			s.logger.Info("workflow ended", "workflow_id", w.ID, "pipeline_id", w.Pipeline, "status", w.Status)
		}
	}
}

func (s *Service) takeReports(ctx context.Context, tx bun.Tx, b *board, reports []core.TaskReport) error {
	ids := make([]core.TaskID, len(reports))
	for i, r := range reports {
		ids[i] = r.Task
	}
	// Reports of tasks that have ended, the usual repetition, lock nothing.
	err := s.lockWorkflows(ctx, tx, b, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("id IN (?)", tx.NewSelect().Model((*task)(nil)).Column("workflow_id").
			Where("id IN (?)", bun.List(ids)).Where("stopped_at IS NULL"))
	})
	if err != nil || len(b.workflows) == 0 {
		return err
	}
	var tasks []*task
	if err := tx.NewSelect().Model(&tasks).Where("id IN (?)", bun.List(ids)).Where("stopped_at IS NULL").Scan(ctx); err != nil {
		return fmt.Errorf("reading tasks: %w", err)
	}
	var jobs []core.JobID
	for _, t := range tasks {
		// One whose workflow is not held was not there a statement ago; nobody can
		// have been told of it, so whatever the report is, it is not of its run.
		if b.workflows[t.Workflow] != nil {
			b.tasks[t.ID] = t
			jobs = append(jobs, t.Job)
		}
	}
	if err := loadJobs(ctx, tx, b, jobs); err != nil {
		return err
	}
	for _, r := range reports {
		b.report(r)
	}
	return nil
}
