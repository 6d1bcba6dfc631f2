// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// serialPoll is how often claims that wait for too long are looked for.
const serialPoll = time.Minute

// tellSerials brings news of claims to workflows. A claim that nobody there wants
// any more is released, so that a lock whose claimant is gone holds up nobody.
func (s *Service) tellSerials(ctx context.Context, rows []*serialNews) []work.Result {
	errs := batch.Isolate(rows, func(some []*serialNews) error {
		news := make([]core.SerialNews, len(some))
		for i, r := range some {
			news[i] = r.News.V
		}
		unwanted, err := s.deps.Tasks.ReportSerials(ctx, news)
		if err != nil {
			return fmt.Errorf("reporting serial groups: %w", err)
		}
		return s.dropSerials(ctx, unwanted, core.SerialReleased, "")
	})
	results := make([]work.Result, len(rows))
	for i, err := range errs {
		if results[i] = work.Delete(); err != nil {
			results[i] = work.Fail(err)
		}
	}
	return results
}

// expireSerials ends claims that have waited for too long.
func (s *Service) expireSerials(ctx context.Context) error {
	before := store.At(s.deps.Clock().Add(-s.cfg.SerialWait))
	for ctx.Err() == nil {
		var ids []core.SerialID
		err := s.deps.DB.NewSelect().Model((*serialClaim)(nil)).Column("id").Where("state = 'waiting'").
			Where("claimed_at < ?", before).Order("claimed_at").Limit(batch.Size).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return err
		}
		reason := fmt.Sprintf("waited %s for its serial group, which is as long as a job may", s.cfg.SerialWait)
		if err := s.dropSerials(ctx, ids, core.SerialExpired, reason); err != nil {
			return err
		}
	}
	return nil
}

// dropSerials ends claims by their ids. One that expires has to wait still.
func (s *Service) dropSerials(ctx context.Context, ids []core.SerialID, state core.SerialState, reason string) error {
	if len(ids) == 0 {
		return nil
	}
	var keys []core.SerialKey
	for part := range slices.Chunk(ids, batch.Size) {
		var some []core.SerialKey
		err := s.deps.DB.NewSelect().Model((*serialGroup)(nil)).ColumnExpr("g.organization, g.lock_key AS key").
			Where("g.id IN (SELECT group_id FROM serial_claims WHERE id IN (?))", bun.List(part)).Scan(ctx, &some)
		if err != nil {
			return fmt.Errorf("finding serial groups: %w", err)
		}
		keys = append(keys, some...)
	}
	return s.withSerials(ctx, keys, ids, func(held *serials) error {
		for _, id := range ids {
			c := held.claims[id]
			if c == nil || state == core.SerialExpired && c.State != core.SerialWaiting {
				continue
			}
			held.end(held.groups[c.Group], c, state, reason)
		}
		return nil
	})
}

// SerialsWaiting implements core.Serials.
func (s *Service) SerialsWaiting(ctx context.Context, ids []core.SerialID) ([]core.SerialWait, error) {
	waits := make([]core.SerialWait, len(ids))
	places := map[core.SerialID]int{}
	for i, id := range ids {
		places[id] = i
	}
	for part := range slices.Chunk(batch.Unique(ids), batch.Size) {
		var rows []struct {
			ID     core.SerialID                `bun:"id"`
			Key    string                       `bun:"lock_key"`
			Before int                          `bun:"before"`
			Claim  store.JSON[core.SerialClaim] `bun:"claim"`
		}
		// The holder is open and before whoever waits: it is not counted.
		err := s.deps.DB.NewRaw(`SELECT c.id, g.lock_key, h.claim,
				(SELECT count(*) FROM serial_claims AS b WHERE b.group_id = c.group_id AND b.ended_at IS NULL AND b.state = 'waiting' AND b.place < c.place) AS before
			FROM serial_claims AS c JOIN serial_groups AS g ON g.id = c.group_id JOIN serial_claims AS h ON h.id = g.holder
			WHERE c.state = 'waiting' AND c.id IN (?)`, bun.List(part)).Scan(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("reading who holds serial groups: %w", err)
		}
		for _, row := range rows {
			holder := serialClaim{Claim: row.Claim}
			reason := fmt.Sprintf("waits for the serial group %s, which %s holds", row.Key, holder.who())
			if row.Before > 0 {
				reason += fmt.Sprintf("; %d more before it", row.Before)
			}
			waits[places[row.ID]] = core.SerialWait{Holder: &holder.Claim.V, Reason: reason}
		}
	}
	return waits, nil
}

// ListSerials implements core.Serials.
func (s *Service) ListSerials(ctx context.Context, id core.OrganizationID) ([]core.SerialGroup, error) {
	var groups []*serialGroup
	if err := s.deps.DB.NewSelect().Model(&groups).Where("organization = ?", id).Where("holder <> ''").Order("lock_key").Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading serial groups: %w", err)
	}
	list := make([]core.SerialGroup, 0, len(groups))
	for _, g := range groups {
		var open []*serialClaim
		if err := s.deps.DB.NewSelect().Model(&open).Where("group_id = ?", g.ID).Where("ended_at IS NULL").Order("place").Scan(ctx); err != nil {
			return nil, fmt.Errorf("reading the line of a serial group: %w", err)
		}
		shown := core.SerialGroup{Organization: g.Organization, Key: g.Key, Waiting: []core.SerialClaim{}}
		for _, c := range open {
			if c.ID == g.Holder {
				shown.Holder, shown.HeldSince = &c.Claim.V, c.HeldAt.Ptr()
				continue
			}
			shown.Waiting = append(shown.Waiting, c.Claim.V)
		}
		list = append(list, shown)
	}
	return list, nil
}

// forgetSerials removes claims that ended long ago, and groups that nobody has
// claimed since.
func (s *Service) forgetSerials(ctx context.Context) error {
	before := store.At(s.deps.Clock().Add(-s.cfg.Keep))
	if _, err := s.deps.DB.NewDelete().Model((*serialClaim)(nil)).Where("ended_at < ?", before).Exec(ctx); err != nil {
		return fmt.Errorf("forgetting claims: %w", err)
	}
	var idle []string
	err := s.deps.DB.NewSelect().Model((*serialGroup)(nil)).Column("id").Where("holder = ''").
		Where("NOT EXISTS (SELECT 1 FROM serial_claims AS c WHERE c.group_id = g.id)").Limit(batch.Size).Scan(ctx, &idle)
	if err != nil {
		return fmt.Errorf("looking for idle serial groups: %w", err)
	}
	for _, id := range idle {
		err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
			// Held first and looked at then: a claim may have come meanwhile.
			var g serialGroup
			if err := s.deps.DB.ForUpdate(tx.NewSelect().Model(&g).Where("id = ?", id)).Scan(ctx); err != nil {
				return err
			}
			_, err := tx.NewDelete().Model((*serialGroup)(nil)).Where("id = ?", id).Where("holder = ''").
				Where("NOT EXISTS (SELECT 1 FROM serial_claims AS c WHERE c.group_id = g.id)").Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("forgetting serial group %s: %w", id, err)
		}
	}
	return nil
}
