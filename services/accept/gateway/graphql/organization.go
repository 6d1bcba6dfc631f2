// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// organization is an Organization of the schema.
type organization struct {
	ID      uuid
	Name    string
	VCSType string
}

// vcsType is the schema's name of the first part of a slug.
func vcsType(vcs string) string {
	switch vcs {
	case "gh":
		return "GITHUB"
	case "bb":
		return "BITBUCKET"
	default:
		return "CIRCLECI"
	}
}

// organizationWhere returns the first that fits, nil when none does.
func (a *API) organizationWhere(ctx context.Context, fits func(core.Organization) bool) (*organization, error) {
	if err := spend(ctx); err != nil {
		return nil, err
	}
	all, err := a.deps.Organizations.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if fits(o) {
			return &organization{ID: uuid(o.ID), Name: o.Name, VCSType: vcsType(o.VCS)}, nil
		}
	}
	return nil, nil
}
