// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"
	"strings"

	"github.com/muster-ci/muster/core"
)

// Organization resolves organization(id) and organization(name, vcsType).
func (r *root) Organization(ctx context.Context, args struct {
	ID      *uuid
	Name    *string
	VCSType *string
}) (*organization, error) {
	return r.organizationWhere(ctx, func(o core.Organization) bool {
		if args.ID != nil {
			return string(o.ID) == string(*args.ID)
		}
		return args.Name != nil && o.Name == *args.Name && (args.VCSType == nil || vcsType(o.VCS) == *args.VCSType)
	})
}

// RegistryNamespace resolves registryNamespace(name).
func (r *root) RegistryNamespace(ctx context.Context, args struct{ Name *string }) (*namespace, error) {
	if args.Name == nil {
		return nil, nil
	}
	return absent(r.namespace(ctx, *args.Name))
}

// Orb resolves orb(name).
func (r *root) Orb(ctx context.Context, args struct{ Name string }) (*orb, error) {
	return absent(r.orb(ctx, args.Name))
}

// OrbVersion resolves orbVersion(orbVersionRef).
func (r *root) OrbVersion(ctx context.Context, args struct{ OrbVersionRef string }) (*orbVersion, error) {
	name, version, _ := strings.Cut(args.OrbVersionRef, "@")
	found, err := r.orb(ctx, name)
	if err != nil {
		return absent[orbVersion](nil, err)
	}
	if version == "" {
		version = "volatile"
	}
	return absent(found.version(ctx, version))
}

// Orbs resolves orbs(first, after).
func (r *root) Orbs(ctx context.Context, args struct {
	First         *int32
	After         *string
	CertifiedOnly *bool
}) (*orbConnection, error) {
	return r.orbs(ctx, core.OrbFilter{}, args.First, args.After)
}

// OrbCategoryByName resolves orbCategoryByName(name).
func (r *root) OrbCategoryByName(ctx context.Context, args struct{ Name string }) (*category, error) {
	return absent(r.categoryWhere(ctx, func(c category) bool { return c.Name == args.Name }))
}

// OrbCategories resolves orbCategories(first, after).
func (r *root) OrbCategories(ctx context.Context, args struct {
	First *int32
	After *string
}) (*categoryConnection, error) {
	return r.categories(ctx, args.First, args.After)
}
