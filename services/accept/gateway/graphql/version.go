// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// orbVersion is an OrbVersion of the schema.
type orbVersion struct {
	orb *orb
	of  core.OrbVersion
}

// ID resolves OrbVersion.id.
func (v *orbVersion) ID() uuid { return uuid(v.of.ID) }

// Version resolves OrbVersion.version.
func (v *orbVersion) Version() string { return v.of.Version }

// CreatedAt resolves OrbVersion.createdAt.
func (v *orbVersion) CreatedAt() string { return moment(v.of.CreatedAt) }

// Orb resolves OrbVersion.orb.
func (v *orbVersion) Orb() *orb { return v.orb }

// Source resolves OrbVersion.source, which lists leave out.
func (v *orbVersion) Source(ctx context.Context) (string, error) {
	if v.of.Source != "" {
		return v.of.Source, nil
	}
	whole, err := v.orb.version(ctx, v.of.Version)
	if err != nil {
		return "", err
	}
	return whole.of.Source, nil
}

// orbVersionResult is an OrbVersionResult of the schema.
type orbVersionResult struct {
	Orb    *orbVersion
	Errors []failure
}

// orbReference names an orb by its id or its two names.
type orbReference struct {
	OrbID         *uuid
	OrbName       *string
	NamespaceName *string
}

// PublishOrb resolves publishOrb(...).
func (r *root) PublishOrb(ctx context.Context, args struct {
	orbReference
	OrbYaml string
	Version string
}) (*orbVersionResult, error) {
	return r.publish(ctx, args.orbReference, core.PublishOrbRequest{Version: args.Version, Source: args.OrbYaml})
}

// ImportOrbVersion resolves importOrbVersion(orbId, orbYaml, version).
func (r *root) ImportOrbVersion(ctx context.Context, args struct {
	OrbID   uuid
	OrbYaml string
	Version string
}) (*orbVersionResult, error) {
	return r.publish(ctx, orbReference{OrbID: &args.OrbID}, core.PublishOrbRequest{Version: args.Version, Source: args.OrbYaml, Import: true})
}

func (r *root) publish(ctx context.Context, name orbReference, request core.PublishOrbRequest) (*orbVersionResult, error) {
	return r.changeVersion(ctx, "orb published", name, func(ctx context.Context, o *orb) (core.OrbVersion, error) {
		request.ID, request.Orb = r.deps.NewID(), o.of.FullName()
		return r.deps.Orbs.PublishOrb(ctx, request)
	})
}

// PromoteOrb resolves promoteOrb(...).
func (r *root) PromoteOrb(ctx context.Context, args struct {
	orbReference
	DevVersion      string
	SemanticVersion string
}) (*orbVersionResult, error) {
	return r.changeVersion(ctx, "orb promoted", args.orbReference, func(ctx context.Context, o *orb) (core.OrbVersion, error) {
		return r.deps.Orbs.PromoteOrb(ctx, core.PromoteOrbRequest{ID: r.deps.NewID(), Orb: o.of.FullName(), From: args.DevVersion, Version: args.SemanticVersion})
	})
}

func (r *root) changeVersion(ctx context.Context, event string, name orbReference, change func(context.Context, *orb) (core.OrbVersion, error)) (*orbVersionResult, error) {
	result := &orbVersionResult{}
	failures, err := r.attempt(ctx, event, func(ctx context.Context) ([]any, error) {
		o, err := r.named(ctx, name)
		if err != nil {
			return nil, err
		}
		made, err := change(ctx, o)
		if err != nil {
			return nil, err
		}
		result.Orb = &orbVersion{orb: o, of: made}
		return []any{"orb", o.of.FullName(), "version", made.Version}, nil
	})
	result.Errors = failures
	return result, err
}

// named looks up the orb that a mutation names in either way.
func (a *API) named(ctx context.Context, name orbReference) (*orb, error) {
	switch {
	case name.OrbID != nil:
		return a.orbByID(ctx, *name.OrbID)
	case name.OrbName != nil && name.NamespaceName != nil:
		return a.orb(ctx, *name.NamespaceName+"/"+*name.OrbName)
	default:
		return nil, core.Errorf(core.CodeInvalid, "The orb is not named: give orbId, or namespaceName and orbName.")
	}
}
