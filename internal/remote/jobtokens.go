// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"encoding/json"

	"github.com/muster-ci/muster/core"
)

// JobTokens is a client of core.JobTokenIssuer.
type JobTokens struct{ caller *Caller }

// JobTokens returns a client of core.JobTokenIssuer.
func (p Peers) JobTokens() *JobTokens { return &JobTokens{p.caller("identity")} }

// IssueJobTokens implements core.JobTokenIssuer.
func (r *JobTokens) IssueJobTokens(ctx context.Context, q core.JobTokenRequest) (core.JobTokens, error) {
	return call[core.JobTokens](ctx, r.caller, "issue-job-tokens", q)
}

// JobTokenKeys implements core.JobTokenIssuer.
func (r *JobTokens) JobTokenKeys(ctx context.Context, org core.OrganizationID) (json.RawMessage, error) {
	return call[json.RawMessage](ctx, r.caller, "job-token-keys", org)
}

// JobTokenClaims implements core.JobTokenIssuer.
func (r *JobTokens) JobTokenClaims(ctx context.Context, owner core.JobTokenOwner) (core.JobTokenClaims, error) {
	return call[core.JobTokenClaims](ctx, r.caller, "job-token-claims", owner)
}

// SetJobTokenClaims implements core.JobTokenIssuer.
func (r *JobTokens) SetJobTokenClaims(ctx context.Context, c core.JobTokenChange) (core.JobTokenClaims, error) {
	return call[core.JobTokenClaims](ctx, r.caller, "set-job-token-claims", c)
}
