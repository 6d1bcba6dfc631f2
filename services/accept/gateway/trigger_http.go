// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"regexp"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// The bounds of a trigger.
const (
	maxParameters  = 100
	maxParameter   = 32 << 10 // bytes of a text
	maxRef         = 255      // bytes of a branch or tag
	maxConfig      = 1 << 20
	maxIdempotency = 200
)

var fullRevision = regexp.MustCompile(`^[0-9a-f]{40}$`)

// trigger answers POST /project/{slug}/pipeline.
func (s *Service) trigger(r *request) (any, error) {
	project, err := r.project()
	if err != nil {
		return nil, err
	}
	var in api.TriggerRequest
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if err := validTrigger(in); err != nil {
		return nil, err
	}
	source, err := s.source(r, project, in)
	if err != nil {
		return nil, err
	}
	p, err := s.start(r, "pipeline", core.NewPipeline{Project: project, Source: source, Parameters: in.Parameters, Config: in.Config})
	if err != nil {
		return nil, err
	}
	return showTriggered(p), nil
}

// start has a pipeline made for the user who asks for it. The kind keeps the
// Idempotency-Keys of different routes apart.
func (s *Service) start(r *request, kind string, n core.NewPipeline) (core.Pipeline, error) {
	id, err := s.chosenID(r, kind, string(n.Project.ID))
	if err != nil {
		return core.Pipeline{}, err
	}
	n.ID = core.PipelineID(id)
	n.Trigger = core.Trigger{Type: core.TriggerAPI, Actor: r.user, ReceivedAt: s.deps.Clock().UTC()}
	p, err := s.deps.Peers.Pipelines.CreatePipeline(r.ctx(), n)
	if err != nil {
		return core.Pipeline{}, err
	}
	s.deps.Logger.Info("pipeline triggered", "pipeline_id", p.ID, "project_id", n.Project.ID, "user_id", r.user.ID, "skipped", p.Skipped != "")
	return p, nil
}

func showTriggered(p core.Pipeline) api.Triggered {
	return api.Triggered{ID: string(p.ID), State: string(p.State), Number: p.Number, CreatedAt: p.CreatedAt}
}

// chosenID returns the id of what the request creates. With an Idempotency-Key
// it follows from the key, the user and the scope, so that a request which is
// sent again after a lost answer creates nothing new; the first request counts,
// whatever the second one says.
func (s *Service) chosenID(r *request, kind, scope string) (string, error) {
	key := r.gin.GetHeader("Idempotency-Key")
	if key == "" {
		return s.deps.NewID(), nil
	}
	if len(key) > maxIdempotency {
		return "", core.Errorf(core.CodeInvalid, "An Idempotency-Key may have %d characters.", maxIdempotency)
	}
	return core.DerivedID(kind, string(r.user.ID), scope, key), nil
}

func validTrigger(in api.TriggerRequest) error {
	switch {
	case in.Branch != "" && in.Tag != "":
		return core.Errorf(core.CodeInvalid, "A trigger names a branch or a tag, not both.")
	case len(in.Branch) > maxRef || len(in.Tag) > maxRef:
		return core.Errorf(core.CodeInvalid, "A branch or a tag may have %d characters.", maxRef)
	case strings.HasPrefix(in.Branch, "-") || strings.HasPrefix(in.Tag, "-") || strings.ContainsAny(in.Branch+in.Tag, " ~^:?*[\\\x00\n\r\t"):
		return core.Errorf(core.CodeInvalid, "%q is not a name that git allows.", in.Branch+in.Tag)
	case in.Revision != "" && !fullRevision.MatchString(in.Revision):
		return core.Errorf(core.CodeInvalid, "%q is not a revision; give all 40 hexadecimal digits of the commit.", in.Revision)
	case len(in.Config) > maxConfig:
		return core.Errorf(core.CodeInvalid, "A config may have %d bytes.", maxConfig)
	}
	return validParameters(in.Parameters)
}

// validParameters bounds the pipeline parameters that somebody gives.
func validParameters(parameters map[string]any) error {
	if len(parameters) > maxParameters {
		return core.Errorf(core.CodeInvalid, "A pipeline takes %d parameters at most.", maxParameters)
	}
	for name, value := range parameters {
		switch v := value.(type) {
		case string:
			if len(v) > maxParameter {
				return core.Errorf(core.CodeInvalid, "The parameter %q has more than %d bytes.", name, maxParameter)
			}
		case bool, float64:
		default:
			return core.Errorf(core.CodeInvalid, "The parameter %q must be a string, a number or a boolean.", name)
		}
	}
	return nil
}

// source is what the pipeline builds.
func (s *Service) source(r *request, project core.Project, in api.TriggerRequest) (core.Source, error) {
	source := core.Source{RepositoryURL: project.RepositoryURL, Branch: in.Branch, Tag: in.Tag, Revision: in.Revision}
	if source.Branch == "" && source.Tag == "" {
		source.Branch = project.DefaultBranch
	}
	if in.Source != nil && in.Source.Bundle != "" {
		// A key of another project would be a way to read its source.
		key := in.Source.Bundle
		if !strings.HasPrefix(key, bundlePrefix(project.ID)) || !bundleKey.MatchString(key) {
			return core.Source{}, core.Errorf(core.CodeInvalid, "source.bundle is not the key of a bundle of this project; upload one with PUT %s/project/%s/bundle.", own, project.Slug())
		}
		if _, err := s.deps.Bundles.Size(r.ctx(), key); core.ErrorCode(err) == core.CodeNotFound {
			return core.Source{}, core.Errorf(core.CodeInvalid, "The bundle %s is not there any more; upload it again.", key)
		} else if err != nil {
			return core.Source{}, err
		}
		source.Bundle, source.RepositoryURL = key, ""
	}
	if source.Bundle == "" && source.RepositoryURL == "" && in.Config == "" {
		return core.Source{}, core.Errorf(core.CodeInvalid, "The project %s has no repository URL, so a trigger must bring its source: run `muster run` in the repository, or upload a bundle and name it in source.bundle.", project.Slug())
	}
	return source, nil
}
