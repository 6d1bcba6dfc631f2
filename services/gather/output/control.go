// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// stopCanceled is the wish that wire.Acks carry to the agent.
const stopCanceled = "canceled"

// maxControl bounds one call of placements.
const maxControl = 10_000

// CloseAttempts implements core.OutputControl.
func (s *Service) CloseAttempts(ctx context.Context, closes []core.AttemptClose) error {
	if len(closes) > maxControl {
		return core.Errorf(core.CodeInvalid, "%d attempts were to be closed at once, at most %d may be", len(closes), maxControl)
	}
	byID := make(map[core.AttemptID]core.AttemptClose, len(closes))
	ids := make([]core.AttemptID, 0, len(closes))
	for _, c := range closes {
		if !c.Status.Ended() || c.Attempt == "" {
			return core.Errorf(core.CodeInvalid, "attempt %q cannot be closed as %q, which is no final status", c.Attempt, c.Status)
		}
		if _, known := byID[c.Attempt]; !known {
			ids = append(ids, c.Attempt)
			byID[c.Attempt] = c
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var pipelines []core.PipelineID
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		pipelines, err = s.closeAttempts(ctx, tx, ids, byID)
		return err
	})
	if err != nil {
		return fmt.Errorf("closing attempts: %w", err)
	}
	for _, id := range ids {
		s.deps.Hints.Notify(attemptTopic(id))
	}
	for _, id := range pipelines {
		s.deps.Hints.Notify(pipelineTopic(id))
	}
	return nil
}

// closeAttempts returns the pipelines of those that it has closed.
func (s *Service) closeAttempts(ctx context.Context, tx bun.Tx, ids []core.AttemptID, closes map[core.AttemptID]core.AttemptClose) (pipelines []core.PipelineID, err error) {
	now := s.now()
	rows, err := s.remember(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	byStatus := make(map[core.JobStatus][]core.AttemptID)
	var changed []string
	for _, a := range rows {
		c := closes[a.attempt()]
		reason := clip(c.Reason, maxText)
		switch {
		case a.end(c.Status, reason, now):
			changed = append(changed, a.ID)
			byStatus[c.Status] = append(byStatus[c.Status], a.attempt())
		case !a.correct(c.Status, reason, now):
			continue
		}
		pipelines = append(pipelines, a.Pipeline)
		if _, err := tx.NewUpdate().Model(a).Column("status", "reason", "ended_at", "told_at").Where("a.id = ?", a.ID).Exec(ctx); err != nil {
			return nil, fmt.Errorf("writing an attempt: %w", err)
		}
		s.deps.Logger.Info("attempt closed", "attempt_id", a.ID, "status", c.Status, "reason", c.Reason)
	}
	for status, ids := range byStatus {
		if err := loseSteps(ctx, tx, ids, status, now); err != nil {
			return nil, err
		}
	}
	return pipelines, s.markSeal(ctx, tx, now, changed...)
}

// StopOutput implements core.OutputControl.
func (s *Service) StopOutput(ctx context.Context, ids []core.AttemptID) error {
	if len(ids) > maxControl {
		return core.Errorf(core.CodeInvalid, "%d attempts were to be stopped at once, at most %d may be", len(ids), maxControl)
	}
	if len(ids) == 0 {
		return nil
	}
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := s.remember(ctx, tx, ids); err != nil {
			return err
		}
		_, err := tx.NewUpdate().TableExpr("attempts").Set("stop = ?", stopCanceled).
			Where("id IN (?)", bun.List(ids)).Where("status = ?", core.JobRunning).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("asking agents to stop: %w", err)
	}
	return nil
}

// remember makes a row for each attempt that has none, so that a claim that
// comes later finds what was decided, and returns all of them locked.
func (s *Service) remember(ctx context.Context, tx bun.IDB, ids []core.AttemptID) ([]*attemptRow, error) {
	// Sorted, so that two of these cannot wait for each other's new rows.
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	rows := make([]*attemptRow, len(ids))
	for i, id := range ids {
		rows[i] = &attemptRow{Status: core.JobRunning, SeenAt: store.At(s.now())}
		rows[i].ID = string(id)
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return nil, fmt.Errorf("remembering attempts: %w", err)
	}
	return s.lockAttempts(ctx, tx, ids)
}
