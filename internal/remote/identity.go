// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Identity is a client of core.Identity.
type Identity struct{ caller *Caller }

// NewIdentity returns a client that calls through c.
func NewIdentity(c *Caller) *Identity { return &Identity{c} }

// Authenticate implements core.Identity.
func (r *Identity) Authenticate(ctx context.Context, value string) (core.User, error) {
	return call[core.User](ctx, r.caller, "authenticate", value)
}

// CreateToken implements core.Identity.
func (r *Identity) CreateToken(ctx context.Context, t core.Token) (core.NewToken, error) {
	return call[core.NewToken](ctx, r.caller, "create-token", t)
}

// ListTokens implements core.Identity.
func (r *Identity) ListTokens(ctx context.Context, user core.UserID) ([]core.Token, error) {
	return call[[]core.Token](ctx, r.caller, "list-tokens", user)
}

// RevokeToken implements core.Identity.
func (r *Identity) RevokeToken(ctx context.Context, id core.TokenID) error {
	return act(ctx, r.caller, "revoke-token", id)
}

// CreateUser implements core.Identity.
func (r *Identity) CreateUser(ctx context.Context, u core.User) (core.User, error) {
	return call[core.User](ctx, r.caller, "create-user", u)
}

// User implements core.Identity.
func (r *Identity) User(ctx context.Context, id core.UserID) (core.User, error) {
	return call[core.User](ctx, r.caller, "user", id)
}
