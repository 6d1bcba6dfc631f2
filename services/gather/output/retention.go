// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"

	"github.com/muster-ci/muster/internal/work"
)

// forget removes what hangs on an attempt; its own row, which finds all that
// again after a crash, goes last.
func (s *Service) forget(ctx context.Context, a *attemptRow) error {
	for _, table := range []string{"tokens", "streams", "steps", "usage", "grants"} {
		if _, err := s.deps.DB.NewDelete().TableExpr(table).Where("attempt_id = ?", a.ID).Exec(ctx); err != nil {
			return fmt.Errorf("deleting %s: %w", table, err)
		}
	}
	return nil
}

// expire forgets the output; attempt and steps stay to be looked at.
func (s *Service) expire(ctx context.Context, a *attemptRow) error {
	if err := s.deleteObjects(ctx, a, ""); err != nil {
		return err
	}
	a.Object = ""
	return s.setPhase(ctx, s.deps.DB, a, phaseExpired)
}

// refreshBatch is how many attempts are marked in one transaction.
const refreshBatch = 500

// refresh has the sealer look again at attempts whose output, or whose rows,
// are to go sooner than was decided when it looked last: the operator has
// chosen a shorter time, or any time at all.
func (s *Service) refresh(ctx context.Context) error {
	for phase, keep := range map[phase]int64{phasePruned: s.cfg.KeepOutput.Microseconds(), phaseExpired: s.cfg.Keep.Microseconds()} {
		last := ""
		for keep > 0 {
			var ids []string
			err := s.deps.DB.NewSelect().TableExpr("attempts").Column("id").
				Where("phase = ?", phase).Where("id > ?", last).Where("NOT set_aside").
				Where("(due_at IS NULL OR due_at > ended_at + ?)", keep).
				Order("id").Limit(refreshBatch).Scan(ctx, &ids)
			if err != nil {
				return fmt.Errorf("looking for output to remove: %w", err)
			}
			if len(ids) == 0 {
				break
			}
			if err := work.MarkDue(ctx, s.deps.DB, "attempts", s.now(), ids...); err != nil {
				return err
			}
			last = ids[len(ids)-1]
		}
	}
	return nil
}
