// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// maxRerunAge is how old a pipeline may be whose workflows rerun themselves.
const maxRerunAge = 90 * 24 * time.Hour

// rerunFailed drafts the reruns that failed workflows of the board make of
// themselves. They come with the failure, in its transaction: so there is no
// moment in which the pipeline looks ended, and no way to make one twice.
//
//	original ──failed──► auto rerun 1 ──failed──► ... ──failed──► auto rerun max
//	   └─ what a person reruns starts no further ones, nor does a cancel
func (s *Service) rerunFailed(ctx context.Context, tx bun.Tx, b *board) ([]*draft, error) {
	var drafts []*draft
	for _, w := range sortedWorkflows(b) {
		if w.StoppedAt != b.now || w.Status != core.WorkflowFailed || w.CancelAsked || w.AutoRerun >= w.MaxAutoReruns {
			continue
		}
		d, err := s.autoRerun(ctx, tx, b, w)
		if core.ErrorCode(err) == core.CodeConflict {
			// Nobody asked, so nobody can be told but the operator; the failure itself
			// has to be kept.
			s.logger.Warn("workflow does not rerun itself", "workflow_id", w.ID, "error", err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("rerunning workflow %s: %w", w.ID, err)
		}
		if d != nil {
			drafts = append(drafts, d)
		}
	}
	return drafts, nil
}

// autoRerun drafts one, nil when the pipeline forbids it.
func (s *Service) autoRerun(ctx context.Context, tx bun.Tx, b *board, w *workflow) (*draft, error) {
	var p pipeline
	if err := tx.NewSelect().Model(&p).Where("id = ?", w.Pipeline).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading the pipeline: %w", err)
	}
	received := p.Context.V.Trigger.ReceivedAt
	if p.Canceled || !received.IsZero() && b.now.Time().Sub(received) > maxRerunAge {
		return nil, nil
	}
	id := core.WorkflowID(derive("auto-rerun", string(w.ID), 0))
	d, err := s.draftRerun(ctx, tx, b, core.Rerun{ID: id, Workflow: w.ID, FromFailed: true, By: w.StartedBy}, w)
	if err != nil {
		return nil, err
	}
	d.workflow.AutoRerun, d.workflow.MaxAutoReruns = w.AutoRerun+1, w.MaxAutoReruns
	return d, nil
}
