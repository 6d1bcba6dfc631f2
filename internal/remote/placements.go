// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Placements is a client of core.Placements.
type Placements struct{ caller *Caller }

// NewPlacements returns a client that calls through c.
func NewPlacements(c *Caller) *Placements { return &Placements{c} }

// Place implements core.Placements.
func (r *Placements) Place(ctx context.Context, attempts []core.Attempt) error {
	return act(ctx, r.caller, "place", attempts)
}

// StopAttempts implements core.Placements.
func (r *Placements) StopAttempts(ctx context.Context, ids []core.AttemptID) error {
	return act(ctx, r.caller, "stop-attempts", ids)
}

// Claim implements core.Placements.
func (r *Placements) Claim(ctx context.Context, c core.Claim) (core.ClaimedTask, error) {
	return call[core.ClaimedTask](ctx, r.caller, "claim", c)
}

// Containers implements core.Placements.
func (r *Placements) Containers(ctx context.Context, id core.AttemptID) ([]core.Container, error) {
	return call[[]core.Container](ctx, r.caller, "containers", id)
}

// ReportAgents implements core.Placements.
func (r *Placements) ReportAgents(ctx context.Context, reports []core.AgentReport) error {
	return act(ctx, r.caller, "report-agents", reports)
}
