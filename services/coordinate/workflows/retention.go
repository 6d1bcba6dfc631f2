// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// tidyEvery is how often old workflows and approvals are looked for.
const tidyEvery = 10 * time.Minute

// tidyBatch is how many pipelines or approvals are looked up at once. Each is a
// transaction of its own: on SQLite everybody waits for it.
const tidyBatch = 50

// expireApprovals cancels jobs that waited too long for a person.
func (s *Service) expireApprovals(ctx context.Context) error {
	if s.cfg.ApprovalTimeout == 0 {
		return nil
	}
	before := store.At(s.clock().Add(-s.cfg.ApprovalTimeout))
	reason := fmt.Sprintf("the approval was not given within %s and has expired", days(s.cfg.ApprovalTimeout))
	for ctx.Err() == nil {
		var ids []core.JobID
		err := s.db.NewSelect().Model((*job)(nil)).Column("id").Where("status = 'on_hold'").
			Where("COALESCE(queued_at, created_at) < ?", before).Order("id").Limit(tidyBatch).Scan(ctx, &ids)
		if err != nil {
			return fmt.Errorf("looking for old approvals: %w", err)
		}
		for _, id := range ids {
			if err := s.expireApproval(ctx, id, reason); err != nil {
				return err
			}
		}
		if len(ids) < tidyBatch {
			return nil
		}
	}
	return nil
}

func (s *Service) expireApproval(ctx context.Context, id core.JobID, reason string) error {
	err := s.change(ctx, func(ctx context.Context, tx bun.Tx, b *board) error {
		j, err := s.lockJob(ctx, tx, b, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", id) })
		if err != nil || j == nil || j.Status != core.JobOnHold {
			return err // somebody was faster
		}
		b.cancel(j, "", reason)
		return nil
	})
	if err != nil {
		return fmt.Errorf("expiring approval job %s: %w", id, err)
	}
	s.logger.Info("approval expired", "job_id", id)
	return nil
}

// days words a long time as people do.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	text := d.String()
	if strings.HasSuffix(text, "h0m0s") {
		text = strings.TrimSuffix(text, "0m0s")
	}
	return text
}

// forget removes the workflows of pipelines that came to rest long ago: all of
// a pipeline's together, since a rerun shows the jobs of the first run.
func (s *Service) forget(ctx context.Context) error {
	if s.cfg.Keep == 0 {
		return nil
	}
	before := store.At(s.clock().Add(-s.cfg.Keep))
	after := core.PipelineID("") // what cannot be removed is not looked at again in this round
	for ctx.Err() == nil {
		var ids []core.PipelineID
		err := s.db.NewSelect().TableExpr("workflows AS w").ColumnExpr("DISTINCT w.pipeline_id").
			Where("w.stopped_at IS NOT NULL").Where("w.stopped_at < ?", before).Where("w.pipeline_id > ?", after).
			Order("w.pipeline_id").Limit(tidyBatch).Scan(ctx, &ids)
		if err != nil {
			return fmt.Errorf("looking for old workflows: %w", err)
		}
		for _, id := range ids {
			if err := s.forgetPipeline(ctx, id, before); err != nil {
				return fmt.Errorf("removing the workflows of pipeline %s: %w", id, err)
			}
			after = id
		}
		if len(ids) < tidyBatch {
			break
		}
	}
	_, err := s.db.NewDelete().Model((*pipeline)(nil)).Where("canceled_at < ?", before).
		Where("id NOT IN (SELECT pipeline_id FROM workflows)").Exec(ctx)
	if err != nil {
		return fmt.Errorf("removing marks of canceled pipelines: %w", err)
	}
	return nil
}

// errInUse ends a removal without one: something of the pipeline is not over.
var errInUse = errors.New("the pipeline is in use")

// forgetPipeline removes one workflow after the other, the pipeline's row with
// the last. A process that dies in between leaves the rest for the next round.
func (s *Service) forgetPipeline(ctx context.Context, id core.PipelineID, before store.Time) error {
	for {
		left := 0
		err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
			rows, err := s.lockOld(ctx, tx, id, before)
			if left = len(rows); err != nil || left == 0 {
				return err
			}
			if err := removeWorkflow(ctx, tx, rows[0].ID); err != nil {
				return err
			}
			if left--; left > 0 {
				return nil
			}
			_, err = tx.NewDelete().Model((*pipeline)(nil)).Where("id = ?", id).Exec(ctx)
			return err
		})
		if errors.Is(err, errInUse) {
			return nil
		}
		if err != nil || left == 0 {
			return err
		}
	}
}

// lockOld holds the workflows of a pipeline, the newest first: what is left of
// a removal that was cut short is then whole runs, and the oldest of them.
// errInUse when one of them is not old, or the queue has not heard of all its
// tasks.
func (s *Service) lockOld(ctx context.Context, tx bun.Tx, id core.PipelineID, before store.Time) ([]*workflow, error) {
	var held []*workflow
	q := tx.NewSelect().Model(&held).Column("id").Where("pipeline_id = ?", id).Order("id")
	if err := s.db.ForUpdate(q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("locking workflows: %w", err)
	}
	// Read again: a rerun that was being made held the old one until it was there.
	var rows []*workflow
	if err := tx.NewSelect().Model(&rows).Where("pipeline_id = ?", id).Order("created_at DESC", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading workflows: %w", err)
	}
	for _, w := range rows {
		if w.StoppedAt.IsZero() || !w.StoppedAt.Time().Before(before.Time()) {
			return nil, errInUse
		}
	}
	open, err := tx.NewSelect().Model((*handover)(nil)).
		Where("id IN (SELECT t.id FROM tasks AS t JOIN jobs AS j ON j.id = t.job_id WHERE j.workflow_id IN (SELECT id FROM workflows WHERE pipeline_id = ?))", id).
		Count(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for hand-overs: %w", err)
	}
	if open > 0 {
		return nil, errInUse
	}
	open, err = tx.NewSelect().Model((*hold)(nil)).Where("due_at IS NOT NULL").
		Where("workflow_id IN (SELECT id FROM workflows WHERE pipeline_id = ?)", id).Count(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for serial groups: %w", err)
	}
	if open > 0 {
		return nil, errInUse
	}
	return rows, nil
}

func removeWorkflow(ctx context.Context, tx bun.Tx, id core.WorkflowID) error {
	jobs := tx.NewSelect().Model((*job)(nil)).Column("id").Where("workflow_id = ?", id)
	for _, q := range []*bun.DeleteQuery{
		tx.NewDelete().Model((*task)(nil)).Where("job_id IN (?)", jobs),
		tx.NewDelete().Model((*jobPlan)(nil)).Where("job_id IN (?)", jobs),
		tx.NewDelete().Model((*failedTests)(nil)).Where("job_id IN (?)", jobs),
		tx.NewDelete().Model((*hold)(nil)).Where("workflow_id = ?", id),
		tx.NewDelete().Model((*job)(nil)).Where("workflow_id = ?", id),
		tx.NewDelete().Model((*workflow)(nil)).Where("id = ?", id),
	} {
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("deleting rows of workflow %s: %w", id, err)
		}
	}
	return nil
}
