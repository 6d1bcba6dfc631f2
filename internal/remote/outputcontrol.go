// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// OutputControl is a client of core.OutputControl.
type OutputControl struct{ caller *Caller }

// NewOutputControl returns a client that calls through c.
func NewOutputControl(c *Caller) *OutputControl { return &OutputControl{c} }

// CloseAttempts implements core.OutputControl.
func (r *OutputControl) CloseAttempts(ctx context.Context, closes []core.AttemptClose) error {
	return act(ctx, r.caller, "close-attempts", closes)
}

// StopOutput implements core.OutputControl.
func (r *OutputControl) StopOutput(ctx context.Context, ids []core.AttemptID) error {
	return act(ctx, r.caller, "stop-output", ids)
}
