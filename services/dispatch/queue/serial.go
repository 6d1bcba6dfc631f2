// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
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
