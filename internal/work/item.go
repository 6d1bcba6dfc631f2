// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/muster-ci/muster/internal/store"
)

// Item is the part of a row that the loop reads and writes; models embed it.
// A service sets ID and, for work to do at once, DueAt when it inserts the row,
// and changes nothing in it later but through MarkDue. An update of a whole
// model leaves these columns out, because a loop may hold the row meanwhile.
type Item struct {
	ID string `bun:"id,pk"`
	// DueAt is when the row is to be handled; zero when there is nothing to do.
	DueAt store.Time `bun:"due_at,skipupdate"`
	// DueSeq counts the calls of MarkDue.
	DueSeq int64 `bun:"due_seq,skipupdate"`
	// LeaseUntil and LeaseOwner are set while a loop handles the row.
	LeaseUntil store.Time `bun:"lease_until,skipupdate"`
	LeaseOwner string     `bun:"lease_owner,skipupdate"`
	// Tries counts the failures since the row was last handled well.
	Tries int `bun:"tries,skipupdate"`
	// LastError is what the last failure said, cut to a kilobyte.
	LastError string `bun:"last_error,skipupdate"`
	// SetAside is true for a row that failed MaxTries times.
	SetAside bool `bun:"set_aside,skipupdate"`
}

// WorkItem makes a model that embeds Item a Row.
func (i *Item) WorkItem() *Item { return i }

// Row is a pointer to a bun model that embeds Item.
type Row interface{ WorkItem() *Item }

// markChunk bounds the length of one statement.
const markChunk = 500

// MarkDue makes the rows with these ids due at the given time, or leaves the
// time they have when that is earlier, and brings back those that were set
// aside, with all their tries. Ids without a row are passed over. Use it in the
// transaction of the change that the rows are to see, and notify the loop's
// topic after the commit.
func MarkDue(ctx context.Context, db bun.IDB, table string, at time.Time, ids ...string) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for chunk := range slices.Chunk(ids, markChunk) {
		if err := markDue(ctx, db, table, store.At(at), chunk); err != nil {
			return fmt.Errorf("marking rows of %s due: %w", table, err)
		}
	}
	return nil
}

// markQuery reads set_aside and tries as they were before the statement.
const markQuery = `UPDATE ?0 SET
		due_at = CASE WHEN due_at < ?1 THEN due_at ELSE ?1 END,
		due_seq = due_seq + 1,
		tries = CASE WHEN set_aside THEN 0 ELSE tries END,
		set_aside = FALSE
	WHERE id IN (?2)`

func markDue(ctx context.Context, db bun.IDB, table string, at store.Time, ids []string) error {
	mark := func(ctx context.Context, q bun.IDB) error {
		if err := lockRows(ctx, q, table, ids); err != nil {
			return err
		}
		_, err := q.NewRaw(markQuery, bun.Ident(table), at, bun.List(ids)).Exec(ctx)
		return err
	}
	switch db := db.(type) {
	case *store.DB:
		return db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error { return mark(ctx, tx) })
	case *bun.DB:
		return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return mark(ctx, tx) })
	default:
		return mark(ctx, db)
	}
}

// lockRows locks rows before a statement changes several of them, in the order
// of their ids: in the order in which UPDATE happens to meet them, two
// transactions deadlock. It is a statement of its own, so that the next one sees
// the rows as they are once locked: as a CTE of the UPDATE, which starts from
// versions that may have been replaced meanwhile, it deadlocked under load (see
// TestNoMarkIsLost). The same goes for claims.
func lockRows(ctx context.Context, db bun.IDB, table string, ids []string) error {
	if len(ids) < 2 || db.Dialect().Name() != dialect.PG {
		return nil
	}
	_, err := db.NewRaw("SELECT id FROM ? WHERE id IN (?) ORDER BY id FOR UPDATE", bun.Ident(table), bun.List(ids)).Exec(ctx)
	return err
}

// SetAside returns the rows of table that were set aside, at most 1000, in the
// order of their ids; given ids, only those of them. MarkDue brings them back.
func SetAside(ctx context.Context, db bun.IDB, table string, ids ...string) ([]Item, error) {
	var items []Item
	query := db.NewSelect().
		Column("id", "due_at", "due_seq", "lease_until", "lease_owner", "tries", "last_error", "set_aside").
		TableExpr("?", bun.Ident(table)).
		Where("set_aside").Order("id").Limit(1000)
	if len(ids) > 0 {
		query = query.Where("id IN (?)", bun.List(ids))
	}
	if err := query.Scan(ctx, &items); err != nil {
		return nil, fmt.Errorf("reading the rows of %s that were set aside: %w", table, err)
	}
	return items, nil
}
