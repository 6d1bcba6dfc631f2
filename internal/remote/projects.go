// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Projects is a client of core.Projects.
type Projects struct{ caller *Caller }

// NewProjects returns a client that calls through c.
func NewProjects(c *Caller) *Projects { return &Projects{c} }

// CreateProject implements core.Projects.
func (r *Projects) CreateProject(ctx context.Context, p core.Project) (core.Project, error) {
	return call[core.Project](ctx, r.caller, "create-project", p)
}

// Project implements core.Projects.
func (r *Projects) Project(ctx context.Context, id core.ProjectID) (core.Project, error) {
	return call[core.Project](ctx, r.caller, "project", id)
}

// ProjectBySlug implements core.Projects.
func (r *Projects) ProjectBySlug(ctx context.Context, slug core.ProjectSlug) (core.Project, error) {
	return call[core.Project](ctx, r.caller, "project-by-slug", slug)
}

// ListProjects implements core.Projects.
func (r *Projects) ListProjects(ctx context.Context, page core.Page) (core.ProjectList, error) {
	return call[core.ProjectList](ctx, r.caller, "list-projects", page)
}

// UpdateProject implements core.Projects.
func (r *Projects) UpdateProject(ctx context.Context, p core.Project) (core.Project, error) {
	return call[core.Project](ctx, r.caller, "update-project", p)
}

// Organization implements core.Projects.
func (r *Projects) Organization(ctx context.Context, o core.Organization) (core.Organization, error) {
	return call[core.Organization](ctx, r.caller, "organization", o)
}

// UpdateOrganization implements core.Projects.
func (r *Projects) UpdateOrganization(ctx context.Context, o core.Organization) (core.Organization, error) {
	return call[core.Organization](ctx, r.caller, "update-organization", o)
}
