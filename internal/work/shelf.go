// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
)

// Shelf shows the rows that the loops of one service have set aside, and puts
// them back. It implements core.Stuck.
type Shelf struct {
	// Service is the name in what is shown.
	Service string
	DB      *store.DB
	Hints   hints.Hints
	Clock   core.Clock
	// Topics are the topics of the loops, by the table of each.
	Topics map[string]string
}

var _ core.Stuck = (*Shelf)(nil)

// ListStuck implements core.Stuck.
func (s *Shelf) ListStuck(ctx context.Context, f core.StuckFilter) ([]core.StuckRow, error) {
	rows := []core.StuckRow{}
	for _, table := range s.tables(f) {
		some, err := s.rows(ctx, s.DB, table, f)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// RetryStuck implements core.Stuck.
func (s *Shelf) RetryStuck(ctx context.Context, f core.StuckFilter) ([]core.StuckRow, error) {
	all := []core.StuckRow{}
	for _, table := range s.tables(f) {
		var rows []core.StuckRow
		err := s.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
			var err error
			if rows, err = s.rows(ctx, tx, table, f); err != nil {
				return err
			}
			ids := make([]string, len(rows))
			for i, row := range rows {
				ids[i] = row.ID
			}
			return MarkDue(ctx, tx, table, s.Clock(), ids...)
		})
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 && s.Hints != nil {
			s.Hints.Notify(s.Topics[table])
		}
		all = append(all, rows...)
	}
	return all, nil
}

func (s *Shelf) tables(f core.StuckFilter) []string {
	tables := slices.Sorted(maps.Keys(s.Topics))
	return slices.DeleteFunc(tables, func(table string) bool { return f.Table != "" && f.Table != table })
}

func (s *Shelf) rows(ctx context.Context, db bun.IDB, table string, f core.StuckFilter) ([]core.StuckRow, error) {
	var ids []string
	if f.ID != "" {
		ids = []string{f.ID}
	}
	items, err := SetAside(ctx, db, table, ids...)
	if err != nil {
		return nil, err
	}
	rows := make([]core.StuckRow, len(items))
	for i, item := range items {
		rows[i] = core.StuckRow{Service: s.Service, Table: table, ID: item.ID, Tries: item.Tries, LastError: item.LastError}
	}
	return rows, nil
}
