// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// withSerials holds groups, with their open claims and those of ids, lets do
// change them, and writes what it did.
func (s *Service) withSerials(ctx context.Context, keys []core.SerialKey, ids []core.SerialID, do func(*serials) error) error {
	var held *serials
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held = &serials{now: store.At(s.deps.Clock()), groups: map[string]*serialGroup{}, claims: map[core.SerialID]*serialClaim{}}
		if err := held.lock(ctx, tx, keys); err != nil {
			return err
		}
		if err := held.read(ctx, tx, ids); err != nil {
			return err
		}
		if err := do(held); err != nil {
			return err
		}
		held.grant()
		return held.save(ctx, tx)
	})
	if err != nil {
		return err
	}
	if len(held.news) > 0 {
		s.deps.Hints.Notify(topicSerials)
	}
	return nil
}

// lock makes the rows of groups where there are none, and holds them. The order
// keeps two transactions from waiting for each other.
func (s *serials) lock(ctx context.Context, tx bun.Tx, keys []core.SerialKey) error {
	var rows []*serialGroup
	seen := map[core.SerialKey]bool{}
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			rows = append(rows, &serialGroup{ID: serialGroupID(k.Organization, k.Key), Organization: k.Organization, Key: k.Key})
		}
	}
	slices.SortFunc(rows, func(a, b *serialGroup) int { return cmp.Compare(a.ID, b.ID) })
	for part := range slices.Chunk(rows, batch.Size) {
		var got []*serialGroup
		// An update that changes nothing holds a row that is there.
		err := tx.NewInsert().Model(&part).On("CONFLICT (id) DO UPDATE").Set("arrivals = g.arrivals").
			Returning("id, organization, lock_key, holder, arrivals").Scan(ctx, &got)
		if err != nil {
			return fmt.Errorf("locking serial groups: %w", err)
		}
		for _, g := range got {
			s.groups[g.ID] = g
		}
	}
	return nil
}

// read reads the lines of the groups that are held, and the claims of ids.
func (s *serials) read(ctx context.Context, tx bun.Tx, ids []core.SerialID) error {
	var names []string
	for id := range s.groups {
		names = append(names, id)
	}
	var open, known []*serialClaim
	for part := range slices.Chunk(names, batch.Size) {
		var rows []*serialClaim
		if err := tx.NewSelect().Model(&rows).Where("group_id IN (?)", bun.List(part)).Where("ended_at IS NULL").Order("group_id", "place").Scan(ctx); err != nil {
			return fmt.Errorf("reading lines of serial groups: %w", err)
		}
		open = append(open, rows...)
	}
	for part := range slices.Chunk(batch.Unique(ids), batch.Size) {
		var rows []*serialClaim
		if err := tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return fmt.Errorf("reading claims: %w", err)
		}
		known = append(known, rows...)
	}
	for _, c := range open {
		s.claims[c.ID] = c
		s.groups[c.Group].open = append(s.groups[c.Group].open, c)
	}
	for _, c := range known {
		if s.claims[c.ID] == nil && s.groups[c.Group] != nil {
			s.claims[c.ID] = c
		}
	}
	return nil
}

// save writes the groups and the claims that changed, and leaves the news.
func (s *serials) save(ctx context.Context, tx bun.Tx) error {
	isFresh := map[core.SerialID]bool{}
	for _, c := range s.fresh {
		isFresh[c.ID] = true
	}
	for part := range slices.Chunk(s.fresh, batch.Size) {
		if _, err := tx.NewInsert().Model(&part).Exec(ctx); err != nil {
			return fmt.Errorf("storing claims: %w", err)
		}
	}
	for _, c := range s.changed {
		if isFresh[c.ID] {
			continue // inserted as it is
		}
		if _, err := tx.NewUpdate().Model(c).Column("state", "held_at", "ended_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("writing claims: %w", err)
		}
	}
	for _, g := range s.groups {
		if _, err := tx.NewUpdate().Model(g).Column("holder", "arrivals").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("writing serial groups: %w", err)
		}
	}
	return insertSerialNews(ctx, tx, s.now, s.news)
}

func insertSerialNews(ctx context.Context, tx bun.Tx, at store.Time, news []core.SerialNews) error {
	rows := make([]*serialNews, len(news))
	for i, n := range news {
		rows[i] = &serialNews{Item: work.Item{ID: string(n.Claim) + "/" + string(n.State), DueAt: at}, News: store.JSON[core.SerialNews]{V: n}}
	}
	for part := range slices.Chunk(rows, batch.Size) {
		if _, err := tx.NewInsert().Model(&part).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("storing news of claims: %w", err)
		}
	}
	return nil
}
