// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// orbResult is an OrbResult of the schema.
type orbResult struct {
	Orb    *orb
	Errors []failure
}

// listStatusResult is a ListStatusResult of the schema.
type listStatusResult struct {
	Listed bool
	Errors []failure
}

// categorizationResult is a CategorizationResult of the schema.
type categorizationResult struct {
	OrbID, CategoryID *uuid
	Errors            []failure
}

// CreateOrb resolves createOrb(name, registryNamespaceId, isPrivate).
func (r *root) CreateOrb(ctx context.Context, args struct {
	Name                string
	RegistryNamespaceID uuid
	IsPrivate           *bool
}) (*orbResult, error) {
	return r.create(ctx, "orb created", args.RegistryNamespaceID, core.Orb{Name: args.Name, Private: args.IsPrivate != nil && *args.IsPrivate})
}

// ImportOrb resolves importOrb(name, registryNamespaceId).
func (r *root) ImportOrb(ctx context.Context, args struct {
	Name                string
	RegistryNamespaceID uuid
}) (*orbResult, error) {
	return r.create(ctx, "orb imported", args.RegistryNamespaceID, core.Orb{Name: args.Name})
}

func (r *root) create(ctx context.Context, event string, in uuid, wanted core.Orb) (*orbResult, error) {
	result := &orbResult{}
	failures, err := r.attempt(ctx, event, func(ctx context.Context) ([]any, error) {
		n, err := r.namespace(ctx, string(in))
		if err != nil {
			return nil, err
		}
		wanted.ID, wanted.Namespace, wanted.Listed = r.deps.NewID(), n.of.Name, !wanted.Private
		made, err := r.deps.Orbs.CreateOrb(ctx, wanted)
		if err != nil {
			return nil, err
		}
		result.Orb = &orb{api: r.API, of: made, owner: n.of.OrganizationID}
		return []any{"orb", made.FullName(), "private", made.Private}, nil
	})
	result.Errors = failures
	return result, err
}

// SetOrbListStatus resolves setOrbListStatus(orbId, list).
func (r *root) SetOrbListStatus(ctx context.Context, args struct {
	OrbID uuid
	List  bool
}) (*listStatusResult, error) {
	result := &listStatusResult{}
	failures, err := r.attempt(ctx, "orb listing changed", func(ctx context.Context) ([]any, error) {
		changed, err := r.change(ctx, args.OrbID, core.OrbChange{Listed: &args.List})
		result.Listed = changed.Listed
		return []any{"orb", changed.FullName(), "listed", changed.Listed}, err
	})
	result.Errors = failures
	return result, err
}

// categorization are the arguments of the two mutations of an orb's categories.
type categorization struct {
	OrbID      uuid
	CategoryID uuid
}

// AddCategorizationToOrb resolves addCategorizationToOrb(orbId, categoryId).
func (r *root) AddCategorizationToOrb(ctx context.Context, args categorization) (*categorizationResult, error) {
	return r.categorize(ctx, args, func(name string) core.OrbChange { return core.OrbChange{AddCategory: name} })
}

// RemoveCategorizationFromOrb resolves removeCategorizationFromOrb(orbId, categoryId).
func (r *root) RemoveCategorizationFromOrb(ctx context.Context, args categorization) (*categorizationResult, error) {
	return r.categorize(ctx, args, func(name string) core.OrbChange { return core.OrbChange{RemoveCategory: name} })
}

func (r *root) categorize(ctx context.Context, args categorization, change func(name string) core.OrbChange) (*categorizationResult, error) {
	result := &categorizationResult{}
	failures, err := r.attempt(ctx, "orb categories changed", func(ctx context.Context) ([]any, error) {
		c, err := r.categoryWhere(ctx, func(c category) bool { return c.ID == args.CategoryID })
		if err != nil {
			return nil, err
		}
		changed, err := r.change(ctx, args.OrbID, change(c.Name))
		if err != nil {
			return nil, err
		}
		result.OrbID, result.CategoryID = &args.OrbID, &args.CategoryID
		return []any{"orb", changed.FullName(), "categories", changed.Categories}, nil
	})
	result.Errors = failures
	return result, err
}

func (a *API) change(ctx context.Context, id uuid, change core.OrbChange) (core.Orb, error) {
	o, err := a.orbByID(ctx, id)
	if err != nil {
		return core.Orb{}, err
	}
	change.Orb = o.of.FullName()
	return a.deps.Orbs.ChangeOrb(ctx, change)
}
