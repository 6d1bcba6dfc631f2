// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// runPipeline answers POST /project/{slug}/pipeline/run. Unlike the trigger
// above it, it has an answer for a commit that asks for no pipeline, and so it
// heeds that commit's message.
func (s *Service) runPipeline(r *request) (any, error) {
	project, err := r.project()
	if err != nil {
		return nil, err
	}
	var in api.RunRequest
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if in.DefinitionID != "" && in.DefinitionID != string(project.ID) {
		return nil, core.Errorf(core.CodeNotFound, "The project %s has no pipeline definition %q; leave definition_id out, or give the project's id, %s.", project.Slug(), in.DefinitionID, project.ID)
	}
	what, err := runWhat(in)
	if err != nil {
		return nil, err
	}
	if err := validTrigger(what); err != nil {
		return nil, err
	}
	source, err := s.source(r, project, what)
	if err != nil {
		return nil, err
	}
	p, err := s.start(r, "pipeline run", core.NewPipeline{Project: project, Source: source, Parameters: in.Parameters, Skippable: true})
	if err != nil {
		return nil, err
	}
	if p.Skipped != "" {
		return declined{api.Message{Message: p.Skipped}}, nil
	}
	return showTriggered(p), nil
}

// runWhat is the same in the words of the trigger. The config is read from the
// commit that is built, so that two different places are refused.
func runWhat(in api.RunRequest) (api.TriggerRequest, error) {
	config, checkout := cmp.Or(in.Config, in.Checkout), cmp.Or(in.Checkout, in.Config)
	if config == nil {
		return api.TriggerRequest{Parameters: in.Parameters}, nil
	}
	if *config != *checkout {
		return api.TriggerRequest{}, core.Errorf(core.CodeInvalid, "config and checkout name different branches or tags. The config is read from the commit that is built: give both the same, or only one of them.")
	}
	return api.TriggerRequest{Branch: checkout.Branch, Tag: checkout.Tag, Parameters: in.Parameters}, nil
}
