// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// continuePipeline answers POST /pipeline/continue. The key is all that the
// caller has to show: it is known to the jobs of one setup workflow.
func (s *Service) continuePipeline(r *request) (any, error) {
	var in continuationBody
	if err := r.body(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Key == "":
		return nil, core.Errorf(core.CodeInvalid, "continuation-key is missing: send what the jobs of a setup workflow have as CIRCLE_CONTINUATION_KEY.")
	case in.Configuration == nil:
		return nil, core.Errorf(core.CodeInvalid, "configuration is missing: send the config to go on with as one string, an empty one to end the pipeline.")
	case len(*in.Configuration) > maxConfig:
		return nil, core.Errorf(core.CodeInvalid, "A config may have %d bytes.", maxConfig)
	}
	if err := validParameters(in.Parameters); err != nil {
		return nil, err
	}
	p, err := s.deps.Peers.Continuations.ContinuePipeline(r.ctx(), core.Continuation{
		Key: in.Key, Config: *in.Configuration, Parameters: in.Parameters,
	})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("pipeline continued", "pipeline_id", p.ID, "project_id", p.Project)
	return api.Message{Message: api.Accepted}, nil
}

// continuationBody tells a configuration that is empty, which means something,
// from one that is missing, which is a mistake.
type continuationBody struct {
	api.Continuation
	Configuration *string `json:"configuration"`
}
