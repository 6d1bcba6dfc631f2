// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// SSHKeys is a client of core.SSHKeys.
type SSHKeys struct{ caller *Caller }

// SSHKeys returns a client of core.SSHKeys.
func (p Peers) SSHKeys() *SSHKeys { return &SSHKeys{p.caller("identity")} }

// AddSSHKey implements core.SSHKeys.
func (r *SSHKeys) AddSSHKey(ctx context.Context, k core.SSHKey) (core.SSHKey, error) {
	return call[core.SSHKey](ctx, r.caller, "add-ssh-key", k)
}

// ListSSHKeys implements core.SSHKeys.
func (r *SSHKeys) ListSSHKeys(ctx context.Context, user core.UserID) ([]core.SSHKey, error) {
	return call[[]core.SSHKey](ctx, r.caller, "list-ssh-keys", user)
}

// RemoveSSHKey implements core.SSHKeys.
func (r *SSHKeys) RemoveSSHKey(ctx context.Context, k core.SSHKey) error {
	return act(ctx, r.caller, "remove-ssh-key", k)
}
