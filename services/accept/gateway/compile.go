// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"maps"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// maxOwner is the longest id of an owner that is passed on.
const maxOwner = 64

// CompileConfig compiles a config outside of a pipeline.
func (s *Service) CompileConfig(ctx context.Context, in api.CompileRequest) (api.CompileResult, error) {
	if in.ConfigYAML == "" {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "config_yaml is missing.")
	}
	values, parameters := givenValues(in.Options)
	return s.compile(ctx, core.CompileRequest{
		Config: in.ConfigYAML, Parameters: parameters, Values: values, OrganizationID: core.OrganizationID(in.Options.OwnerID),
	})
}

// CompileOrb checks an orb's source by itself.
func (s *Service) CompileOrb(ctx context.Context, source string, owner core.OrganizationID) (api.CompileResult, error) {
	if source == "" {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "The orb's source is empty.")
	}
	return s.compile(ctx, core.CompileRequest{Config: source, Values: defaultValues(), OrganizationID: owner, IsOrb: true})
}

func (s *Service) compile(ctx context.Context, request core.CompileRequest) (api.CompileResult, error) {
	if len(request.Config) > maxConfig {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "A config may have %d bytes.", maxConfig)
	}
	if len(request.OrganizationID) > maxOwner {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "The id of an organization may have %d characters.", maxOwner)
	}
	result, err := s.deps.Peers.Configs.Compile(ctx, request)
	if err != nil {
		return api.CompileResult{}, err
	}
	return api.CompileResult{
		Valid:      len(result.Errors) == 0,
		SourceYAML: request.Config,
		OutputYAML: result.Processed,
		Errors:     showConfigErrors(result.Errors),
		Warnings:   showConfigErrors(result.Warnings),
	}, nil
}

// givenValues tells pipeline values from parameters: CircleCI's command line
// sends the parameters among the values too, and is to send them only there one
// day. What is given puts defaults aside.
func givenValues(options api.CompileOptions) (core.PipelineValues, map[string]any) {
	values, parameters := defaultValues(), map[string]any{}
	for name, value := range options.PipelineValues {
		name = strings.TrimPrefix(name, "pipeline.")
		if parameter, ok := strings.CutPrefix(name, "parameters."); ok {
			parameters[parameter] = value
		} else {
			values[name] = value
		}
	}
	maps.Copy(parameters, options.PipelineParameters)
	return values, parameters
}

// defaultValues are what a config sees that is compiled outside of a pipeline,
// CircleCI's for the same case.
func defaultValues() core.PipelineValues {
	return core.PipelineValues{
		"id": "00000000-0000-0000-0000-000000000001", "number": 1,
		"project.git_url": "https://example.com/org/repo", "project.type": "github", "project.slug": "gh/org/repo",
		"git.branch": "main", "git.tag": "", "git.revision": "0000000000000000000000000000000000000000",
		"git.base_revision": "", "trigger_source": "api",
	}
}
