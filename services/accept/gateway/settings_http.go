// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// getSettings answers GET /project/{slug}/settings.
func (s *Service) getSettings(r *request) (any, error) {
	p, err := r.project()
	return showSettings(p), err
}

// updateSettings answers PATCH /project/{slug}/settings.
func (s *Service) updateSettings(r *request) (any, error) {
	p, err := r.project()
	if err != nil {
		return nil, err
	}
	var in api.ProjectSettings
	if err := r.body(&in); err != nil {
		return nil, err
	}
	take(&p.AutoCancel, in.Advanced.AutocancelBuilds)
	take(&p.Settings.NoSSH, in.Advanced.DisableSSH)
	take(&p.Settings.ProtectCaches, in.Advanced.ProtectCaches)
	take(&p.Settings.Blocked, in.Advanced.BlockNewWork)
	if err := takeTime(&p.Settings.JobTimeLimit, in.Advanced.JobTimeLimit); err != nil {
		return nil, err
	}
	if p, err = s.deps.Peers.Projects.UpdateProject(r.ctx(), p); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("project settings changed", "project_id", p.ID, "user_id", r.user.ID)
	return showSettings(p), nil
}

// getOrganization answers GET /organization/{vcs}/{organization}/settings.
func (s *Service) getOrganization(r *request) (any, error) {
	o, err := r.organization()
	return showOrganization(o), err
}

// updateOrganization answers PATCH /organization/{vcs}/{organization}/settings.
func (s *Service) updateOrganization(r *request) (any, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	var in api.OrganizationSettings
	if err := r.body(&in); err != nil {
		return nil, err
	}
	take(&o.Concurrency, in.Concurrency)
	take(&o.Settings.Blocked, in.BlockNewWork)
	if err := takeTime(&o.Settings.JobTimeLimit, in.JobTimeLimit); err != nil {
		return nil, err
	}
	if o, err = s.deps.Peers.Projects.UpdateOrganization(r.ctx(), o); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("organization settings changed", "organization_id", o.ID, "user_id", r.user.ID)
	return showOrganization(o), nil
}

// organization is the organization in the address.
func (r *request) organization() (core.Organization, error) {
	// The rules for names are those of slugs, which know the long forms too.
	slug, err := core.ParseProjectSlug(r.gin.Param("vcs") + "/" + r.gin.Param("org") + "/any")
	if err != nil {
		return core.Organization{}, core.Errorf(core.CodeNotFound, "Organization not found.")
	}
	return r.s.deps.Peers.Projects.Organization(r.ctx(), core.Organization{VCS: slug.VCS, Name: slug.Organization})
}

// take changes a setting that an update names.
func take[T any](setting, update *T) {
	if update != nil {
		*setting = *update
	}
}

func takeTime(setting *time.Duration, update *string) error {
	if update == nil {
		return nil
	}
	limit, err := time.ParseDuration(*update)
	if err != nil || limit < 0 {
		return core.Errorf(core.CodeInvalid, "%q is not a time limit; write it as 90m or 3h, and 0s for none of its own.", *update)
	}
	*setting = limit
	return nil
}

func showSettings(p core.Project) api.ProjectSettings {
	limit := p.Settings.JobTimeLimit.String()
	return api.ProjectSettings{Advanced: api.AdvancedSettings{
		AutocancelBuilds: &p.AutoCancel, DisableSSH: &p.Settings.NoSSH,
		ProtectCaches: &p.Settings.ProtectCaches, BlockNewWork: &p.Settings.Blocked, JobTimeLimit: &limit,
	}}
}

func showOrganization(o core.Organization) api.OrganizationSettings {
	limit := o.Settings.JobTimeLimit.String()
	return api.OrganizationSettings{Concurrency: &o.Concurrency, BlockNewWork: &o.Settings.Blocked, JobTimeLimit: &limit}
}
