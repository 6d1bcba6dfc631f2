// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"cmp"
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

// serialGroup is a row of serial_groups with its open claims: one lock and the
// line before it.
type serialGroup struct {
	bun.BaseModel `bun:"table:serial_groups,alias:g"`

	ID           string              `bun:"id,pk"`
	Organization core.OrganizationID `bun:"organization"`
	Key          string              `bun:"lock_key"`
	Holder       core.SerialID       `bun:"holder"`
	Arrivals     int64               `bun:"arrivals"`

	open []*serialClaim // in the order of arrival, the holder among them
}

// serialClaim is a row of serial_claims.
type serialClaim struct {
	bun.BaseModel `bun:"table:serial_claims,alias:c"`

	ID        core.SerialID                `bun:"id,pk"`
	Group     string                       `bun:"group_id"`
	Place     int64                        `bun:"place"`
	State     core.SerialState             `bun:"state"`
	Project   core.ProjectID               `bun:"project"`
	Pipeline  int64                        `bun:"pipeline"`
	Claim     store.JSON[core.SerialClaim] `bun:"claim,type:text"`
	ClaimedAt store.Time                   `bun:"claimed_at,type:bigint"`
	HeldAt    store.Time                   `bun:"held_at,type:bigint"`
	EndedAt   store.Time                   `bun:"ended_at,type:bigint"`
}

// serialNews is a row of serial_news.
type serialNews struct {
	bun.BaseModel `bun:"table:serial_news,alias:n"`
	work.Item

	News store.JSON[core.SerialNews] `bun:"news,type:text"`
}

// who names a claimant for people.
func (c *serialClaim) who() string {
	v := c.Claim.V
	return fmt.Sprintf("%s of pipeline %d of %s", v.Name, v.Pipeline, v.ProjectSlug)
}

// serials are some groups, held for one transaction, and what is done to them.
// It does no I/O.
type serials struct {
	now     store.Time
	groups  map[string]*serialGroup
	claims  map[core.SerialID]*serialClaim // known, open or ended
	fresh   []*serialClaim
	changed []*serialClaim
	news    []core.SerialNews
}

// arrive puts a claim in line. A claim of a pipeline that a newer one of its
// project has overtaken never gets there: running it would put back what the
// newer one did.
func (s *serials) arrive(claim core.SerialClaim) {
	g, c := s.admit(claim)
	if c == nil {
		return
	}
	for _, o := range g.open {
		if o.Project == c.Project && o.Pipeline > c.Pipeline {
			s.end(g, c, core.SerialSkipped, fmt.Sprintf("skipped: the newer pipeline %d is in the serial group %s already", o.Pipeline, g.Key))
			return
		}
	}
	g.open = append(g.open, c)
}

// admit makes the row of a claim, nil when it is known.
func (s *serials) admit(claim core.SerialClaim) (*serialGroup, *serialClaim) {
	if s.claims[claim.ID] != nil {
		return nil, nil
	}
	g := s.groups[serialGroupID(claim.Organization, claim.Key)]
	g.Arrivals++
	c := &serialClaim{
		ID: claim.ID, Group: g.ID, Place: g.Arrivals, State: core.SerialWaiting, Project: claim.Project,
		Pipeline: claim.Pipeline, Claim: store.JSON[core.SerialClaim]{V: claim}, ClaimedAt: s.now,
	}
	s.claims[c.ID] = c
	s.fresh = append(s.fresh, c)
	return g, c
}

// release ends a claim, also one that has not come yet.
func (s *serials) release(claim core.SerialClaim) {
	c := s.claims[claim.ID]
	if c == nil {
		_, c = s.admit(claim)
	}
	s.end(s.groups[c.Group], c, core.SerialReleased, "")
}

// end makes a claim final, unless it is, and takes it out of the line.
func (s *serials) end(g *serialGroup, c *serialClaim, state core.SerialState, reason string) {
	if !c.EndedAt.IsZero() {
		return
	}
	c.State, c.EndedAt = state, s.now
	s.changed = append(s.changed, c)
	g.open = slices.DeleteFunc(g.open, func(o *serialClaim) bool { return o == c })
	if g.Holder == c.ID {
		g.Holder = ""
	}
	if state != core.SerialReleased {
		s.tell(c, reason)
	}
}

// grant gives the groups that nobody holds to the first in line.
func (s *serials) grant() {
	for _, g := range s.groups {
		if g.Holder != "" || len(g.open) == 0 {
			continue
		}
		first := g.open[0]
		g.Holder, first.State, first.HeldAt = first.ID, core.SerialHeld, s.now
		s.changed = append(s.changed, first)
		s.tell(first, "")
	}
}

func (s *serials) tell(c *serialClaim, reason string) {
	s.news = append(s.news, core.SerialNews{
		Claim: c.ID, Workflow: c.Claim.V.Workflow, State: c.State, Reason: reason, At: s.now.Time(),
	})
}

func serialGroupID(org core.OrganizationID, key string) string { return string(org) + "/" + key }

// ClaimSerials implements core.Serials.
func (s *Service) ClaimSerials(ctx context.Context, claims []core.SerialClaim) error {
	return s.changeSerials(ctx, claims, (*serials).arrive)
}

// ReleaseSerials implements core.Serials.
func (s *Service) ReleaseSerials(ctx context.Context, claims []core.SerialClaim) error {
	return s.changeSerials(ctx, claims, (*serials).release)
}

func (s *Service) changeSerials(ctx context.Context, claims []core.SerialClaim, change func(*serials, core.SerialClaim)) error {
	keys := make([]core.SerialKey, len(claims))
	ids := make([]core.SerialID, len(claims))
	for i, c := range claims {
		if c.ID == "" || c.Organization == "" || c.Key == "" {
			return core.Errorf(core.CodeInvalid, "claim %d of %d has no id, no organization or no key", i+1, len(claims))
		}
		keys[i], ids[i] = core.SerialKey{Organization: c.Organization, Key: c.Key}, c.ID
	}
	return s.withSerials(ctx, keys, ids, func(held *serials) error {
		for _, c := range claims {
			change(held, c)
		}
		return nil
	})
}

// FreeSerial implements core.Serials.
func (s *Service) FreeSerial(ctx context.Context, key core.SerialKey) error {
	return s.withSerials(ctx, []core.SerialKey{key}, nil, func(held *serials) error {
		g := held.groups[serialGroupID(key.Organization, key.Key)]
		if g.Holder == "" {
			return core.Errorf(core.CodeNotFound, "Nobody holds the serial group %s.", key.Key)
		}
		held.end(g, held.claims[g.Holder], core.SerialReleased, "")
		return nil
	})
}

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

// serialPoll is how often claims that wait for too long are looked for.
const serialPoll = time.Minute
