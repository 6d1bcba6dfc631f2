// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// getProject answers GET /project/{slug}.
func (s *Service) getProject(r *request) (any, error) {
	p, err := r.project()
	return showProject(p), err
}

// createProject answers POST /project/{provider}/{organization}/{project}.
func (s *Service) createProject(r *request) (any, error) {
	slug, err := r.slug()
	if err != nil {
		return nil, err
	}
	var in api.NewProject
	if err := r.body(&in); err != nil {
		return nil, err
	}
	p, err := s.deps.Peers.Projects.CreateProject(r.ctx(), core.Project{
		ID:            core.ProjectID(s.deps.NewID()),
		Organization:  core.Organization{VCS: slug.VCS, Name: slug.Organization},
		Name:          slug.Project,
		RepositoryURL: in.RepositoryURL, DefaultBranch: in.DefaultBranch, AutoCancel: in.AutoCancel,
	})
	if err != nil {
		return nil, err
	}
	return api.CreatedProject{Advanced: showSettings(p).Advanced, Project: showProject(p)}, nil
}

// listProjects answers GET /projects.
func (s *Service) listProjects(r *request) (any, error) {
	list, err := s.deps.Peers.Projects.ListProjects(r.ctx(), r.page())
	if err != nil {
		return nil, err
	}
	items := make([]api.Project, 0, len(list.Items))
	for _, p := range list.Items {
		items = append(items, showProject(p))
	}
	return api.NewList(items, list.Next), nil
}

// buildProjects answers GET /api/v1.1/projects, which has no pages.
func (s *Service) buildProjects(r *request) (any, error) {
	list := []api.BuildProject{}
	page := core.Page{Limit: 100}
	for range maxCollaborations / 100 {
		projects, err := s.deps.Peers.Projects.ListProjects(r.ctx(), page)
		if err != nil {
			return nil, err
		}
		for _, p := range projects.Items {
			list = append(list, showBuildProject(p))
		}
		if page.Token = projects.Next; page.Token == "" {
			break
		}
	}
	return list, nil
}

// listVariables answers GET /project/{slug}/envvar.
func (s *Service) listVariables(r *request) (any, error) {
	variables, err := s.variables(r)
	return api.NewList(variables, ""), err
}

func (s *Service) variables(r *request) ([]api.Variable, error) {
	p, err := r.project()
	if err != nil {
		return nil, err
	}
	variables, err := s.deps.Peers.Secrets.ListVariables(r.ctx(), p.ID)
	if err != nil {
		return nil, err
	}
	items := make([]api.Variable, 0, len(variables))
	for _, v := range variables {
		items = append(items, api.Variable{Name: v.Name, Value: v.Value})
	}
	return items, nil
}

// setVariable answers POST /project/{slug}/envvar. The answer is read back, so
// that it shows the value as every later one will.
func (s *Service) setVariable(r *request) (any, error) {
	p, err := r.project()
	if err != nil {
		return nil, err
	}
	var in api.Variable
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if err := s.deps.Peers.Secrets.SetVariable(r.ctx(), core.ProjectVariable{Project: p.ID, Name: in.Name, Value: in.Value}); err != nil {
		return nil, err
	}
	return s.variable(r, in.Name)
}

// getVariable answers GET /project/{slug}/envvar/{name}.
func (s *Service) getVariable(r *request) (any, error) { return s.variable(r, r.gin.Param("name")) }

func (s *Service) variable(r *request, name string) (any, error) {
	variables, err := s.variables(r)
	if err != nil {
		return nil, err
	}
	for _, v := range variables {
		if v.Name == name {
			return v, nil
		}
	}
	return nil, core.Errorf(core.CodeNotFound, "Environment variable not found.")
}

// deleteVariable answers DELETE /project/{slug}/envvar/{name}.
func (s *Service) deleteVariable(r *request) (any, error) {
	p, err := r.project()
	if err != nil {
		return nil, err
	}
	err = s.deps.Peers.Secrets.DeleteVariable(r.ctx(), core.ProjectVariable{Project: p.ID, Name: r.gin.Param("name")})
	return api.Message{Message: "Environment variable deleted."}, err
}
