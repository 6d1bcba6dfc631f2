// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

// adjustBatch is how many archives get another end in one transaction.
const adjustBatch = 500

// retryAdjust is the wait after the database could not be used.
const retryAdjust = time.Minute

// adjustOnce adjusts, again until it has been done. It is not repeated after that:
// while instances with old and new settings run side by side, the newest decides.
func (s *Archives) adjustOnce(ctx context.Context) error {
	for {
		err := s.adjust(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		s.deps.Logger.Warn("what is kept goes by old times for now, trying again", "retry_in", retryAdjust, "error", err)
		timer := time.NewTimer(retryAdjust)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// adjust gives all that is kept already the times of the settings, counted from
// its commit: an operator who shortens them wants the room now, as with a
// lifecycle rule of a bucket. What a job wished for its caches stays.
func (s *Archives) adjust(ctx context.Context) error {
	for kind, keep := range map[core.ArchiveKind]time.Duration{
		core.ArchiveCache: s.cfg.Caches, core.ArchiveWorkspace: s.cfg.Workspaces,
		core.ArchiveArtifacts: s.cfg.Artifacts, core.ArchiveTestResults: s.cfg.Artifacts,
	} {
		changed := 0
		for more := true; more; {
			n, err := s.adjustSome(ctx, kind, keep)
			if err != nil {
				return fmt.Errorf("counting the times of the settings for what is kept: %w", err)
			}
			changed += n
			more = n == adjustBatch
		}
		if changed > 0 {
			s.deps.Hints.Notify(Topic)
			s.deps.Logger.Info("archives got another end by changed settings", "kind", kind, "keep", keep, "archives", changed)
		}
	}
	return nil
}

// adjustSome changes a batch and tells how many those were. The sweeper looks at
// each at once: its old end may be far away.
func (s *Archives) adjustSome(ctx context.Context, kind core.ArchiveKind, keep time.Duration) (n int, err error) {
	err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var ids []string
		q := tx.NewSelect().TableExpr("archives").Column("id").
			Where("kind = ?", kind).Where("state = ?", stateCommitted).Where("wish = 0").Order("id").Limit(adjustBatch)
		change := tx.NewUpdate().TableExpr("archives")
		if keep == 0 {
			q, change = q.Where("expires_at IS NOT NULL"), change.Set("expires_at = NULL")
		} else {
			q = q.Where("(expires_at IS NULL OR expires_at <> committed_at + ?)", keep.Microseconds())
			change = change.Set("expires_at = committed_at + ?", keep.Microseconds())
		}
		if err := s.deps.DB.ForUpdate(q).Scan(ctx, &ids); err != nil || len(ids) == 0 {
			return err
		}
		n = len(ids)
		if _, err := change.Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return err
		}
		return work.MarkDue(ctx, tx, "archives", s.now(), ids...)
	})
	return n, err
}

// wishOf is what a row keeps of a job's wish.
func wishOf(kind core.ArchiveKind, wish time.Duration) int64 {
	if kind != core.ArchiveCache || wish <= 0 {
		return 0
	}
	return wish.Microseconds()
}
