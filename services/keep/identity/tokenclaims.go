// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// The bounds of a token's life. CircleCI's own are the same.
const (
	minTTL = time.Minute
	maxTTL = 24 * time.Hour
)

type tokenClaimsRow struct {
	bun.BaseModel `bun:"table:token_claims,alias:c"`

	Organization core.OrganizationID  `bun:"organization,pk"`
	Project      core.ProjectID       `bun:"project,pk"`
	Audience     store.JSON[[]string] `bun:"audience"`
	AudienceAt   store.Time           `bun:"audience_at"`
	TTL          int64                `bun:"ttl"` // microseconds
	TTLAt        store.Time           `bun:"ttl_at"`
}

func (r tokenClaimsRow) claims() core.JobTokenClaims {
	return core.JobTokenClaims{
		JobTokenOwner: core.JobTokenOwner{Organization: r.Organization, Project: r.Project},
		Audience:      r.Audience.V, AudienceAt: r.AudienceAt.Ptr(), TTL: time.Duration(r.TTL) * time.Microsecond, TTLAt: r.TTLAt.Ptr(),
	}
}

// JobTokenClaims implements core.JobTokenIssuer.
func (s *Service) JobTokenClaims(ctx context.Context, owner core.JobTokenOwner) (core.JobTokenClaims, error) {
	row, err := tokenClaims(ctx, s.deps.DB, owner)
	return row.claims(), err
}

func tokenClaims(ctx context.Context, db bun.IDB, owner core.JobTokenOwner) (tokenClaimsRow, error) {
	row := tokenClaimsRow{Organization: owner.Organization, Project: owner.Project}
	err := db.NewSelect().Model(&row).WherePK().Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return row, fmt.Errorf("reading the claims of tokens: %w", err)
	}
	return row, nil
}

// SetJobTokenClaims implements core.JobTokenIssuer.
func (s *Service) SetJobTokenClaims(ctx context.Context, c core.JobTokenChange) (core.JobTokenClaims, error) {
	if c.Organization == "" {
		return core.JobTokenClaims{}, core.Errorf(core.CodeInvalid, "Claims of tokens belong to an organization.")
	}
	if c.Audience != nil {
		if err := checkAudience(*c.Audience); err != nil {
			return core.JobTokenClaims{}, err
		}
	}
	if c.TTL != nil && *c.TTL != 0 && (*c.TTL < minTTL || *c.TTL > maxTTL) {
		return core.JobTokenClaims{}, core.Errorf(core.CodeInvalid, "The ttl of tokens may be from %s to %s.", minTTL, maxTTL)
	}
	var row tokenClaimsRow
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if row, err = tokenClaims(ctx, tx, c.JobTokenOwner); err != nil {
			return err
		}
		now := store.At(s.deps.Clock())
		if c.Audience != nil {
			row.Audience.V, row.AudienceAt = *c.Audience, now
		}
		if c.TTL != nil {
			row.TTL, row.TTLAt = c.TTL.Microseconds(), now
		}
		_, err = tx.NewInsert().Model(&row).On("CONFLICT (organization, project) DO UPDATE").
			Set("audience = EXCLUDED.audience").Set("audience_at = EXCLUDED.audience_at").Set("ttl = EXCLUDED.ttl").Set("ttl_at = EXCLUDED.ttl_at").Exec(ctx)
		return err
	})
	if err != nil {
		return core.JobTokenClaims{}, doing("storing the claims of tokens", err)
	}
	return row.claims(), nil
}
