// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Orbs is a client of core.Orbs.
type Orbs struct{ caller *Caller }

// NewOrbs returns a client that calls through c.
func NewOrbs(c *Caller) *Orbs { return &Orbs{c} }

// ResolveOrb implements core.Orbs.
func (r *Orbs) ResolveOrb(ctx context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	return call[core.ResolvedOrb](ctx, r.caller, "resolve-orb", request)
}

// CreateNamespace implements core.Orbs.
func (r *Orbs) CreateNamespace(ctx context.Context, n core.Namespace) (core.Namespace, error) {
	return call[core.Namespace](ctx, r.caller, "create-namespace", n)
}

// Namespace implements core.Orbs.
func (r *Orbs) Namespace(ctx context.Context, name string) (core.Namespace, error) {
	return call[core.Namespace](ctx, r.caller, "namespace", name)
}

// RenameNamespace implements core.Orbs.
func (r *Orbs) RenameNamespace(ctx context.Context, rename core.NamespaceRename) (core.Namespace, error) {
	return call[core.Namespace](ctx, r.caller, "rename-namespace", rename)
}

// DeleteNamespaceAlias implements core.Orbs.
func (r *Orbs) DeleteNamespaceAlias(ctx context.Context, name string) error {
	return act(ctx, r.caller, "delete-namespace-alias", name)
}

// DeleteNamespace implements core.Orbs.
func (r *Orbs) DeleteNamespace(ctx context.Context, name string) error {
	return act(ctx, r.caller, "delete-namespace", name)
}

// CreateOrb implements core.Orbs.
func (r *Orbs) CreateOrb(ctx context.Context, orb core.Orb) (core.Orb, error) {
	return call[core.Orb](ctx, r.caller, "create-orb", orb)
}

// Orb implements core.Orbs.
func (r *Orbs) Orb(ctx context.Context, key core.OrbKey) (core.Orb, error) {
	return call[core.Orb](ctx, r.caller, "orb", key)
}

// ListOrbs implements core.Orbs.
func (r *Orbs) ListOrbs(ctx context.Context, filter core.OrbFilter) (core.OrbList, error) {
	return call[core.OrbList](ctx, r.caller, "list-orbs", filter)
}

// ChangeOrb implements core.Orbs.
func (r *Orbs) ChangeOrb(ctx context.Context, change core.OrbChange) (core.Orb, error) {
	return call[core.Orb](ctx, r.caller, "change-orb", change)
}

// OrbCategories implements core.Orbs.
func (r *Orbs) OrbCategories(ctx context.Context) ([]string, error) {
	return call[[]string](ctx, r.caller, "orb-categories", nil)
}

// PublishOrb implements core.Orbs.
func (r *Orbs) PublishOrb(ctx context.Context, request core.PublishOrbRequest) (core.OrbVersion, error) {
	return call[core.OrbVersion](ctx, r.caller, "publish-orb", request)
}

// PromoteOrb implements core.Orbs.
func (r *Orbs) PromoteOrb(ctx context.Context, request core.PromoteOrbRequest) (core.OrbVersion, error) {
	return call[core.OrbVersion](ctx, r.caller, "promote-orb", request)
}

// OrbVersion implements core.Orbs.
func (r *Orbs) OrbVersion(ctx context.Context, key core.OrbKey) (core.OrbVersion, error) {
	return call[core.OrbVersion](ctx, r.caller, "orb-version", key)
}

// OrbVersions implements core.Orbs.
func (r *Orbs) OrbVersions(ctx context.Context, key core.OrbKey) ([]core.OrbVersion, error) {
	return call[[]core.OrbVersion](ctx, r.caller, "orb-versions", key)
}

// ListOrbPrefixes implements core.Orbs.
func (r *Orbs) ListOrbPrefixes(ctx context.Context, organization core.OrganizationID) ([]core.OrbPrefix, error) {
	return call[[]core.OrbPrefix](ctx, r.caller, "list-orb-prefixes", organization)
}

// AddOrbPrefix implements core.Orbs.
func (r *Orbs) AddOrbPrefix(ctx context.Context, prefix core.OrbPrefix) (core.OrbPrefix, error) {
	return call[core.OrbPrefix](ctx, r.caller, "add-orb-prefix", prefix)
}

// RemoveOrbPrefix implements core.Orbs.
func (r *Orbs) RemoveOrbPrefix(ctx context.Context, prefix core.OrbPrefix) error {
	return act(ctx, r.caller, "remove-orb-prefix", prefix)
}
