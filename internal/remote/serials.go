// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Serials is a client of core.Serials.
type Serials struct{ caller *Caller }

// NewSerials returns a client that calls through c, which leads to the queue.
func NewSerials(c *Caller) *Serials { return &Serials{c} }

// ClaimSerials implements core.Serials.
func (r *Serials) ClaimSerials(ctx context.Context, claims []core.SerialClaim) error {
	return act(ctx, r.caller, "claim-serials", claims)
}

// ReleaseSerials implements core.Serials.
func (r *Serials) ReleaseSerials(ctx context.Context, claims []core.SerialClaim) error {
	return act(ctx, r.caller, "release-serials", claims)
}

// SerialsWaiting implements core.Serials.
func (r *Serials) SerialsWaiting(ctx context.Context, ids []core.SerialID) ([]core.SerialWait, error) {
	return call[[]core.SerialWait](ctx, r.caller, "serials-waiting", ids)
}

// ListSerials implements core.Serials.
func (r *Serials) ListSerials(ctx context.Context, id core.OrganizationID) ([]core.SerialGroup, error) {
	return call[[]core.SerialGroup](ctx, r.caller, "list-serials", id)
}

// FreeSerial implements core.Serials.
func (r *Serials) FreeSerial(ctx context.Context, key core.SerialKey) error {
	return act(ctx, r.caller, "free-serial", key)
}
