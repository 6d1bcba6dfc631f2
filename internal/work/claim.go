// SPDX-License-Identifier: MPL-2.0

package work

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/internal/store"
)

// The conditions are word for word those of the indexes that {{work_index}}
// makes; SQLite compares texts to see whether an index serves.
const (
	whereDue    = "due_at IS NOT NULL AND lease_until IS NULL AND NOT set_aside"
	whereLeased = "lease_until IS NOT NULL"
)

// batch is what one claim got. Its owner is unlike that of any other claim, so
// a process that lost a lease and claimed the row anew cannot mistake the one
// for the other.
type batch[T Row] struct {
	owner string
	rows  []T
	// began is from before the claim, so that the lease seems to end early
	// rather than late.
	began     time.Time
	takenOver bool
}

// claimDue leases up to Batch rows that are due.
func (l *Loop[T]) claimDue(ctx context.Context) (batch[T], error) {
	return l.claim(ctx, batch[T]{}, "due_at <= ? AND "+whereDue+" ORDER BY due_at", l.cfg.Batch)
}

// claimExpired takes over one row whose lease has ended, and counts it as a
// try: where processes die on a row it must not come back for ever. One at a
// time, so that such a row takes no others along.
func (l *Loop[T]) claimExpired(ctx context.Context) (batch[T], error) {
	return l.claim(ctx, batch[T]{takenOver: true}, "lease_until <= ? AND "+whereLeased+" ORDER BY lease_until", 1)
}

const claimQuery = "UPDATE ?0 SET lease_until = ?1, lease_owner = ?2, tries = tries + ?3 WHERE id IN (?4) RETURNING *"

func (l *Loop[T]) claim(ctx context.Context, b batch[T], which string, limit int) (batch[T], error) {
	b.owner = fmt.Sprintf("%s/%d", l.id, l.claims.Add(1))
	b.began = time.Now()
	// Not ended by ctx at once: the rows might be leased all the same, and nobody
	// would know. A claim that takes longer than the lease is worth nothing.
	ctx, end := linger(ctx, lastWords)
	defer end()
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Lease)
	defer cancel()
	now := l.cfg.Clock()
	table, until := bun.Ident(l.cfg.Table), store.At(now.Add(l.cfg.Lease))
	pick := "SELECT id FROM ? WHERE " + which + " LIMIT ?"
	if l.cfg.DB.Driver() == store.Postgres {
		pick += " FOR UPDATE SKIP LOCKED"
	}
	tried := 0
	if b.takenOver {
		tried = 1
	}
	err := l.cfg.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		b.rows = nil
		var ids []string
		err := tx.NewRaw(pick, table, store.At(now), limit).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return err
		}
		return tx.NewRaw(claimQuery, table, until, b.owner, tried, bun.List(ids)).Scan(ctx, &b.rows)
	})
	if err != nil {
		return batch[T]{}, fmt.Errorf("claiming rows of %s: %w", l.cfg.Table, err)
	}
	slices.SortFunc(b.rows, func(x, y T) int {
		return cmp.Or(x.WorkItem().DueAt.Time().Compare(y.WorkItem().DueAt.Time()), cmp.Compare(x.WorkItem().ID, y.WorkItem().ID))
	})
	return b, nil
}

// renew prolongs the leases of a batch and returns how many it still holds.
func (l *Loop[T]) renew(ctx context.Context, b batch[T]) (held int, err error) {
	const query = "UPDATE ?0 SET lease_until = ?1 WHERE id IN (?2) AND lease_owner = ?3"
	err = l.cfg.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockRows(ctx, tx, l.cfg.Table, b.ids()); err != nil {
			return err
		}
		until := store.At(l.cfg.Clock().Add(l.cfg.Lease))
		res, err := tx.NewRaw(query, bun.Ident(l.cfg.Table), until, bun.List(b.ids()), b.owner).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		held = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("renewing leases of %s: %w", l.cfg.Table, err)
	}
	return held, nil
}

func (b batch[T]) ids() []string {
	ids := make([]string, len(b.rows))
	for i, row := range b.rows {
		ids[i] = row.WorkItem().ID
	}
	slices.Sort(ids)
	return ids
}

// outlook is what a look at the table says without claiming anything.
type outlook struct {
	NextDue    store.Time `bun:"next_due"`
	LeaseEnds  store.Time `bun:"lease_ends"`
	SetAside   int        `bun:"set_aside"`
	observedAt time.Time
}

// lookTimeout bounds what a network that swallows packets can cost.
const lookTimeout = 30 * time.Second

func (l *Loop[T]) look(ctx context.Context) (outlook, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	o := outlook{observedAt: l.cfg.Clock()}
	if err := l.rewind(ctx, o.observedAt); err != nil {
		return o, err
	}
	table := bun.Ident(l.cfg.Table)
	err := l.cfg.DB.NewSelect().
		ColumnExpr("(SELECT min(due_at) FROM ? WHERE "+whereDue+") AS next_due", table).
		ColumnExpr("(SELECT min(lease_until) FROM ? WHERE "+whereLeased+") AS lease_ends", table).
		ColumnExpr("(SELECT count(*) FROM ? WHERE set_aside) AS set_aside", table).
		Scan(ctx, &o)
	if err != nil {
		return o, fmt.Errorf("looking for work in %s: %w", l.cfg.Table, err)
	}
	return o, nil
}

// due and expired tell what a claim would find.
func (o outlook) due() bool { return !o.NextDue.IsZero() && !o.NextDue.Time().After(o.observedAt) }

func (o outlook) expired() bool {
	return !o.LeaseEnds.IsZero() && !o.LeaseEnds.Time().After(o.observedAt)
}

func (o outlook) ready() bool { return o.due() || o.expired() }

// wait returns how long there is nothing to do, at most most.
func (o outlook) wait(most time.Duration) time.Duration {
	for _, t := range []store.Time{o.NextDue, o.LeaseEnds} {
		if !t.IsZero() {
			most = min(most, t.Time().Sub(o.observedAt))
		}
	}
	return max(most, 0)
}
