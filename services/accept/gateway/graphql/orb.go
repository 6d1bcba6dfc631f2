// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"
	"strings"

	"github.com/muster-ci/muster/core"
)

// orb is an Orb of the schema.
type orb struct {
	api   *API
	of    core.Orb
	owner core.OrganizationID // of its namespace; "" where nobody asked
}

// ID resolves Orb.id.
func (o *orb) ID() uuid { return uuid(o.of.ID) }

// Name resolves Orb.name, which is the full one.
func (o *orb) Name() string { return o.of.FullName() }

// CreatedAt resolves Orb.createdAt.
func (o *orb) CreatedAt() string { return moment(o.of.CreatedAt) }

// IsPrivate resolves Orb.isPrivate.
func (o *orb) IsPrivate() bool { return o.of.Private }

// IsListed resolves Orb.isListed.
func (o *orb) IsListed() bool { return o.of.Listed }

// Namespace resolves Orb.namespace.
func (o *orb) Namespace(ctx context.Context) (*namespace, error) {
	return o.api.namespace(ctx, o.of.Namespace)
}

// Categories resolves Orb.categories.
func (o *orb) Categories() []category {
	categories := make([]category, 0, len(o.of.Categories))
	for _, name := range o.of.Categories {
		categories = append(categories, newCategory(name))
	}
	return categories
}

// statistics is an OrbStatistics of the schema.
type statistics struct {
	Last30DaysBuildCount, Last30DaysProjectCount, Last30DaysOrganizationCount int32
}

// Statistics resolves Orb.statistics.
func (o *orb) Statistics() statistics { return statistics{} }

// Versions resolves Orb.versions(count): the released ones. The list of orbs
// asks for one version of each, which the registry has at hand.
func (o *orb) Versions(ctx context.Context, args struct{ Count *int32 }) ([]*orbVersion, error) {
	if args.Count != nil && *args.Count == 1 && o.of.Latest != "" {
		latest, err := o.version(ctx, o.of.Latest)
		return []*orbVersion{latest}, err
	}
	if err := spend(ctx); err != nil {
		return nil, err
	}
	all, err := o.api.deps.Orbs.OrbVersions(ctx, core.OrbKey{Orb: o.of.FullName(), OrganizationID: o.owner})
	if err != nil {
		return nil, err
	}
	released := make([]*orbVersion, 0, len(all))
	for _, v := range all {
		if args.Count != nil && len(released) >= max(int(*args.Count), 0) {
			break
		}
		if !strings.HasPrefix(v.Version, "dev:") {
			released = append(released, &orbVersion{orb: o, of: v})
		}
	}
	return released, nil
}

// version looks one version of the orb up, with its source.
func (o *orb) version(ctx context.Context, version string) (*orbVersion, error) {
	if err := spend(ctx); err != nil {
		return nil, err
	}
	found, err := o.api.deps.Orbs.OrbVersion(ctx, core.OrbKey{Orb: o.of.FullName(), Version: version, OrganizationID: o.owner})
	if err != nil {
		return nil, err
	}
	return &orbVersion{orb: o, of: found}, nil
}

// orb looks one up by its full name. A person sees the private orbs of every
// organization that he or she sees, which is all of them until roles come: so
// the registry is asked as the organization that owns the namespace.
func (a *API) orb(ctx context.Context, name string) (*orb, error) {
	first, second, ok := strings.Cut(name, "/")
	if !ok || second == "" {
		return nil, core.Errorf(core.CodeInvalid, "%.100q is not the name of an orb; write it as namespace/orb.", name)
	}
	n, err := a.namespace(ctx, first)
	if err != nil {
		return nil, err
	}
	return a.orbOf(ctx, core.OrbKey{Orb: name, OrganizationID: n.of.OrganizationID})
}

// orbByID looks one up for a mutation. Its owner is the namespace's.
func (a *API) orbByID(ctx context.Context, id uuid) (*orb, error) {
	if strings.Contains(string(id), "/") {
		return nil, core.Errorf(core.CodeNotFound, "There is no orb with the id %q.", string(id))
	}
	found, err := a.orbOf(ctx, core.OrbKey{Orb: string(id)})
	if err != nil {
		return nil, err
	}
	n, err := found.Namespace(ctx)
	if err != nil {
		return nil, err
	}
	found.owner = n.of.OrganizationID
	return found, nil
}

func (a *API) orbOf(ctx context.Context, key core.OrbKey) (*orb, error) {
	if err := spend(ctx); err != nil {
		return nil, err
	}
	found, err := a.deps.Orbs.Orb(ctx, key)
	if err != nil {
		return nil, err
	}
	return &orb{api: a, of: found, owner: key.OrganizationID}, nil
}
