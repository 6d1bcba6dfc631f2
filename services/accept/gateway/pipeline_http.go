// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// getPipeline answers GET /pipeline/{id}.
func (s *Service) getPipeline(r *request) (any, error) {
	p, err := s.pipeline(r)
	if err != nil {
		return nil, err
	}
	project, err := s.deps.Peers.Projects.Project(r.ctx(), p.Project)
	return showPipeline(p, project), err
}

func (s *Service) pipeline(r *request) (core.Pipeline, error) {
	id, err := r.id("id")
	if err != nil {
		return core.Pipeline{}, err
	}
	return s.deps.Peers.Pipelines.Pipeline(r.ctx(), core.PipelineID(id))
}

// pipelineByNumber answers GET /project/{slug}/pipeline/{number}.
func (s *Service) pipelineByNumber(r *request) (any, error) {
	project, err := r.project()
	if err != nil {
		return nil, err
	}
	number, err := r.number("number")
	if err != nil {
		return nil, err
	}
	p, err := s.deps.Peers.Pipelines.PipelineByNumber(r.ctx(), core.PipelineRef{Project: project.ID, Number: number})
	return showPipeline(p, project), err
}

// projectPipelines answers GET /project/{slug}/pipeline.
func (s *Service) projectPipelines(r *request) (any, error) {
	return s.listProjectPipelines(r, core.PipelineFilter{Branch: r.query("branch")})
}

// myProjectPipelines answers GET /project/{slug}/pipeline/mine.
func (s *Service) myProjectPipelines(r *request) (any, error) {
	return s.listProjectPipelines(r, core.PipelineFilter{Actor: r.user.ID})
}

func (s *Service) listProjectPipelines(r *request, filter core.PipelineFilter) (any, error) {
	project, err := r.project()
	if err != nil {
		return nil, err
	}
	filter.Project, filter.Page = project.ID, r.page()
	list, err := s.deps.Peers.Pipelines.ListPipelines(r.ctx(), filter)
	if err != nil {
		return nil, err
	}
	items := make([]api.Pipeline, 0, len(list.Items))
	for _, p := range list.Items {
		items = append(items, showPipeline(p, project))
	}
	return api.NewList(items, list.Next), nil
}

// scannedPages bounds how many pages are looked through for the pipelines of
// one organization before a page with fewer is answered; its token goes on.
const scannedPages = 5

// organizationPipelines answers GET /pipeline. Pipelines know their project and
// not its organization, so the newest of all are looked through.
func (s *Service) organizationPipelines(r *request) (any, error) {
	filter := core.PipelineFilter{Page: r.page()}
	if r.query("mine") == "true" {
		filter.Actor = r.user.ID
	}
	wanted, err := s.organizationSlug(r)
	if err != nil {
		return nil, err
	}
	items := []api.Pipeline{}
	projects := map[core.ProjectID]core.Project{}
	for range scannedPages {
		list, err := s.deps.Peers.Pipelines.ListPipelines(r.ctx(), filter)
		if err != nil {
			return nil, err
		}
		for _, p := range list.Items {
			project, err := s.projectOf(r, projects, p.Project)
			if err != nil {
				return nil, err
			}
			if wanted == "" || project.Organization.Slug() == wanted {
				items = append(items, showPipeline(p, project))
			}
		}
		if filter.Page.Token = list.Next; list.Next == "" || len(items) > 0 {
			break
		}
	}
	return api.NewList(items, filter.Page.Token), nil
}

// organizationSlug reads org-slug with the short form of its first part.
func (s *Service) organizationSlug(r *request) (string, error) {
	text := r.query("org-slug")
	if text == "" {
		return "", nil
	}
	slug, err := core.ParseProjectSlug(text + "/any")
	if err != nil {
		return "", core.Errorf(core.CodeInvalid, "%q is not an organization slug; write it as vcs/organization, for example gh/acme.", text)
	}
	return slug.VCS + "/" + slug.Organization, nil
}

func (s *Service) projectOf(r *request, known map[core.ProjectID]core.Project, id core.ProjectID) (core.Project, error) {
	if p, ok := known[id]; ok {
		return p, nil
	}
	p, err := s.deps.Peers.Projects.Project(r.ctx(), id)
	if err == nil {
		known[id] = p
	}
	return p, err
}

// pipelineConfig answers GET /pipeline/{id}/config.
func (s *Service) pipelineConfig(r *request) (any, error) {
	p, err := s.pipeline(r)
	if err != nil {
		return nil, err
	}
	config, err := s.deps.Peers.Pipelines.PipelineConfig(r.ctx(), p.ID)
	return api.PipelineConfig{
		Source: config.Source, Compiled: config.Compiled, SetupConfig: config.Setup, CompiledSetupConfig: config.CompiledSetup,
	}, err
}

// pipelineValues answers GET /pipeline/{id}/values.
func (s *Service) pipelineValues(r *request) (any, error) {
	p, err := s.pipeline(r)
	if err != nil {
		return nil, err
	}
	values, err := s.deps.Peers.Pipelines.PipelineValues(r.ctx(), p.ID)
	if err != nil {
		return nil, err
	}
	named := make(map[string]any, len(values)+len(p.Parameters))
	for name, value := range values {
		named["pipeline."+name] = value
	}
	for name, value := range p.Parameters {
		named["pipeline.parameters."+name] = value
	}
	return named, nil
}

// pipelineWorkflows answers GET /pipeline/{id}/workflow.
func (s *Service) pipelineWorkflows(r *request) (any, error) {
	p, err := s.pipeline(r)
	if err != nil {
		return nil, err
	}
	workflows, err := s.deps.Peers.Workflows.PipelineWorkflows(r.ctx(), p.ID)
	if err != nil {
		return nil, err
	}
	items := make([]api.Workflow, 0, len(workflows))
	for _, w := range workflows {
		items = append(items, showWorkflow(w))
	}
	return api.NewList(items, ""), nil
}

// cancelPipeline answers POST /pipelines/{id}/cancel.
func (s *Service) cancelPipeline(r *request) (any, error) {
	p, err := s.pipeline(r)
	if err != nil {
		return nil, err
	}
	if err := s.deps.Peers.Pipelines.CancelPipeline(r.ctx(), p.ID); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("pipeline cancellation requested", "pipeline_id", p.ID, "user_id", r.user.ID)
	return api.Message{Message: api.Accepted}, nil
}
