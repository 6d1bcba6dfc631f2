// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// SigningKeys is a client of core.SigningKeys.
type SigningKeys struct{ caller *Caller }

// SigningKeys returns a client of core.SigningKeys.
func (p Peers) SigningKeys() *SigningKeys { return &SigningKeys{p.caller("identity")} }

// ListSigningKeys implements core.SigningKeys.
func (r *SigningKeys) ListSigningKeys(ctx context.Context, f core.SigningKeyFilter) ([]core.SigningKey, error) {
	return call[[]core.SigningKey](ctx, r.caller, "list-signing-keys", f)
}

// RotateSigningKeys implements core.SigningKeys.
func (r *SigningKeys) RotateSigningKeys(ctx context.Context, q core.SigningKeyRotation) ([]core.SigningKey, error) {
	return call[[]core.SigningKey](ctx, r.caller, "rotate-signing-keys", q)
}
