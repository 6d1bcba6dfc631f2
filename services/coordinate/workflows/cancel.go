// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// CancelWorkflow implements core.Workflows. A second cancel while the first is
// still stopping tasks changes nothing.
func (s *Service) CancelWorkflow(ctx context.Context, c core.WorkflowCancel) error {
	return s.cancelWorkflow(ctx, c, "")
}

// cancelWorkflow cancels with a reason that its jobs will carry.
func (s *Service) cancelWorkflow(ctx context.Context, c core.WorkflowCancel, reason string) error {
	return s.change(ctx, func(ctx context.Context, tx bun.Tx, b *board) error {
		w, err := s.lockWorkflow(ctx, tx, b, c.Workflow)
		if err != nil {
			return err
		}
		if w.Status.Ended() {
			return core.Errorf(core.CodeConflict, "workflow %s has ended already: it is %s", w.Name, w.Status)
		}
		open, err := openJobs(ctx, tx, b, w.ID)
		if err != nil {
			return err
		}
		b.cancelWorkflow(w, open, c.By, reason)
		return nil
	})
}

func (s *Service) lockWorkflow(ctx context.Context, tx bun.Tx, b *board, id core.WorkflowID) (*workflow, error) {
	err := s.lockWorkflows(ctx, tx, b, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", id) })
	if err != nil {
		return nil, err
	}
	w := b.workflows[id]
	if w == nil {
		return nil, unknownWorkflow(id)
	}
	return w, nil
}

func unknownWorkflow(id core.WorkflowID) error {
	return core.Errorf(core.CodeNotFound, "there is no workflow %s", id)
}

// CancelPipelineWorkflows implements core.Workflows. The mark on the pipeline
// stays, and meets workflows that are created later.
func (s *Service) CancelPipelineWorkflows(ctx context.Context, id core.PipelineID) error {
	return s.change(ctx, func(ctx context.Context, tx bun.Tx, b *board) error {
		row := &pipeline{ID: id, Canceled: true, CanceledAt: b.now}
		_, err := tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").
			Set("canceled = TRUE").Set("canceled_at = excluded.canceled_at").Exec(ctx)
		if err != nil {
			return fmt.Errorf("marking the pipeline canceled: %w", err)
		}
		err = s.lockWorkflows(ctx, tx, b, func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("pipeline_id = ?", id).Where("stopped_at IS NULL")
		})
		if err != nil {
			return err
		}
		for _, w := range sortedWorkflows(b) {
			open, err := openJobs(ctx, tx, b, w.ID)
			if err != nil {
				return err
			}
			b.cancelWorkflow(w, open, "", "the pipeline was canceled")
		}
		return nil
	})
}

// CancelJob implements core.Jobs. Dependents follow from it as from any end.
func (s *Service) CancelJob(ctx context.Context, c core.JobCancel) error {
	return s.change(ctx, func(ctx context.Context, tx bun.Tx, b *board) error {
		j, err := s.lockJob(ctx, tx, b, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", c.Job) })
		if err != nil {
			return err
		}
		if j == nil {
			return core.Errorf(core.CodeNotFound, "there is no job %s", c.Job)
		}
		if j.Status.Ended() {
			return core.Errorf(core.CodeConflict, "job %s has ended already: it is %s", j.Name, j.Status)
		}
		b.cancel(j, c.By, "")
		return nil
	})
}

// Approve implements core.Workflows.
func (s *Service) Approve(ctx context.Context, a core.Approval) error {
	if a.Request == "" {
		return core.Errorf(core.CodeInvalid, "name the approval request")
	}
	return s.change(ctx, func(ctx context.Context, tx bun.Tx, b *board) error {
		j, err := s.lockJob(ctx, tx, b, func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("approval_id = ?", a.Request).Where("approval_id <> ''").Where("workflow_id = ?", a.Workflow)
		})
		if err != nil {
			return err
		}
		if j == nil {
			return core.Errorf(core.CodeNotFound, "workflow %s has no approval request %s", a.Workflow, a.Request)
		}
		return b.approve(j, a.By)
	})
}

// lockJob finds a job, holds its workflow and puts the job on the board as it
// is then. nil when there is none.
func (s *Service) lockJob(ctx context.Context, tx bun.Tx, b *board, narrow func(*bun.SelectQuery) *bun.SelectQuery) (*job, error) {
	var found job
	err := narrow(tx.NewSelect().Model(&found).Column("id", "workflow_id")).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the job: %w", err)
	}
	if _, err := s.lockWorkflow(ctx, tx, b, found.Workflow); err != nil {
		return nil, err
	}
	if err := loadJobs(ctx, tx, b, []core.JobID{found.ID}); err != nil {
		return nil, err
	}
	return b.jobs[found.ID], nil
}
