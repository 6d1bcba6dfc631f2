// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// namespace is a RegistryNamespace of the schema.
type namespace struct {
	api *API
	of  core.Namespace
}

// ID resolves RegistryNamespace.id.
func (n *namespace) ID() uuid { return uuid(n.of.ID) }

// Name resolves RegistryNamespace.name.
func (n *namespace) Name() string { return n.of.Name }

// CreatedAt resolves RegistryNamespace.createdAt.
func (n *namespace) CreatedAt() string { return moment(n.of.CreatedAt) }

// Organization resolves RegistryNamespace.organization: null for an imported one.
func (n *namespace) Organization(ctx context.Context) (*organization, error) {
	return n.api.organizationWhere(ctx, func(o core.Organization) bool { return o.ID == n.of.OrganizationID })
}

// Orbs resolves RegistryNamespace.orbs(first, after, view).
func (n *namespace) Orbs(ctx context.Context, args struct {
	First *int32
	After *string
	View  *string
}) (*orbConnection, error) {
	filter := core.OrbFilter{Namespace: n.of.Name, OrganizationID: n.of.OrganizationID}
	filter.Private = args.View != nil && *args.View == "PRIVATE_ONLY"
	return n.api.orbs(ctx, filter, args.First, args.After)
}

// namespace looks one up by its name or its id.
func (a *API) namespace(ctx context.Context, name string) (*namespace, error) {
	if err := spend(ctx); err != nil {
		return nil, err
	}
	found, err := a.deps.Orbs.Namespace(ctx, name)
	if err != nil {
		return nil, err
	}
	return &namespace{api: a, of: found}, nil
}

// namespaceResult is a NamespaceResult of the schema.
type namespaceResult struct {
	Namespace *namespace
	Errors    []failure
}

// deleteResult is a DeleteResult of the schema.
type deleteResult struct {
	Deleted bool
	Errors  []failure
}

// CreateNamespace resolves createNamespace(name, organizationId).
func (r *root) CreateNamespace(ctx context.Context, args struct {
	Name           string
	OrganizationID uuid
}) (*namespaceResult, error) {
	return r.changeNamespace(ctx, "namespace created", func(ctx context.Context) (core.Namespace, error) {
		owner, err := r.organizationWhere(ctx, func(o core.Organization) bool { return string(o.ID) == string(args.OrganizationID) })
		if err != nil {
			return core.Namespace{}, err
		}
		if owner == nil {
			return core.Namespace{}, core.Errorf(core.CodeNotFound, "There is no organization with the id %q; `circleci info org` lists those that there are.", string(args.OrganizationID))
		}
		return r.deps.Orbs.CreateNamespace(ctx, core.Namespace{ID: r.deps.NewID(), Name: args.Name, OrganizationID: core.OrganizationID(owner.ID)})
	})
}

// ImportNamespace resolves importNamespace(name).
func (r *root) ImportNamespace(ctx context.Context, args struct{ Name string }) (*namespaceResult, error) {
	return r.changeNamespace(ctx, "namespace imported", func(ctx context.Context) (core.Namespace, error) {
		return r.deps.Orbs.CreateNamespace(ctx, core.Namespace{ID: r.deps.NewID(), Name: args.Name})
	})
}

// RenameNamespace resolves renameNamespace(namespaceId, newName).
func (r *root) RenameNamespace(ctx context.Context, args struct {
	NamespaceID uuid
	NewName     string
}) (*namespaceResult, error) {
	return r.changeNamespace(ctx, "namespace renamed", func(ctx context.Context) (core.Namespace, error) {
		old, err := r.namespace(ctx, string(args.NamespaceID))
		if err != nil {
			return core.Namespace{}, err
		}
		return r.deps.Orbs.RenameNamespace(ctx, core.NamespaceRename{From: old.of.Name, To: args.NewName})
	})
}

func (r *root) changeNamespace(ctx context.Context, event string, change func(context.Context) (core.Namespace, error)) (*namespaceResult, error) {
	result := &namespaceResult{}
	errors, err := r.attempt(ctx, event, func(ctx context.Context) ([]any, error) {
		changed, err := change(ctx)
		if err != nil {
			return nil, err
		}
		result.Namespace = &namespace{api: r.API, of: changed}
		return []any{"namespace", changed.Name, "organization_id", changed.OrganizationID}, nil
	})
	result.Errors = errors
	return result, err
}

// DeleteNamespaceAlias resolves deleteNamespaceAlias(name).
func (r *root) DeleteNamespaceAlias(ctx context.Context, args struct{ Name string }) (*deleteResult, error) {
	errors, err := r.attempt(ctx, "namespace alias deleted", func(ctx context.Context) ([]any, error) {
		return []any{"namespace", args.Name}, r.deps.Orbs.DeleteNamespaceAlias(ctx, args.Name)
	})
	return &deleteResult{Deleted: err == nil && len(errors) == 0, Errors: errors}, err
}

// DeleteNamespaceAndRelatedOrbs resolves deleteNamespaceAndRelatedOrbs(namespaceId).
func (r *root) DeleteNamespaceAndRelatedOrbs(ctx context.Context, args struct{ NamespaceID uuid }) (*deleteResult, error) {
	errors, err := r.attempt(ctx, "namespace deleted", func(ctx context.Context) ([]any, error) {
		old, err := r.namespace(ctx, string(args.NamespaceID))
		if err != nil {
			return nil, err
		}
		return []any{"namespace", old.of.Name}, r.deps.Orbs.DeleteNamespace(ctx, old.of.Name)
	})
	return &deleteResult{Deleted: err == nil && len(errors) == 0, Errors: errors}, err
}
