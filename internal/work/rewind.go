// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/internal/store"
)

// setBack is how much earlier than at the last look it has to be for a clock to
// count as set back; less is the usual correction.
const setBack = time.Second

// rewind mends what a clock that was set back leaves: rows that were due would
// not be until it has caught up, and the leases of processes that died would
// last as much longer. Only the loop that watches calls it. A row that was to
// be due later by the old clock keeps its time.
func (l *Loop[T]) rewind(ctx context.Context, now time.Time) error {
	was := l.seen
	if !now.Before(was.Add(-setBack)) {
		l.seen = now
		return nil
	}
	l.logger.Warn("the clock was set back", "by", was.Sub(now))
	table := bun.Ident(l.cfg.Table)
	// Whoever holds such a lease renews it within its usual time.
	const leases = "UPDATE ?0 SET lease_until = ?1 WHERE lease_until > ?1 AND " + whereLeased
	if _, err := l.cfg.DB.NewRaw(leases, table, store.At(now.Add(l.cfg.Lease))).Exec(ctx); err != nil {
		return fmt.Errorf("shortening leases of %s: %w", l.cfg.Table, err)
	}
	const due = "UPDATE ?0 SET due_at = ?1 WHERE due_at > ?1 AND due_at <= ?2 AND " + whereDue
	if _, err := l.cfg.DB.NewRaw(due, table, store.At(now), store.At(was)).Exec(ctx); err != nil {
		return fmt.Errorf("having rows of %s due: %w", l.cfg.Table, err)
	}
	l.seen = now
	return nil
}
