// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"maps"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/config"
)

// maxOwner is the longest id of an owner that is passed on.
const maxOwner = 64

// maxPath is the longest path of a config that is passed on.
const maxPath = 1024

// CompileConfig compiles a config outside of a pipeline.
func (s *Service) CompileConfig(ctx context.Context, in api.CompileRequest) (api.CompileResult, error) {
	if in.ConfigYAML == "" {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "config_yaml is missing.")
	}
	values, parameters := givenValues(in.Options)
	return s.compile(ctx, core.CompileRequest{
		Config: in.ConfigYAML, Path: in.Options.Path, Parameters: parameters, Values: values, OrganizationID: core.OrganizationID(in.Options.OwnerID),
	})
}

// CompileOrb checks an orb's source by itself.
func (s *Service) CompileOrb(ctx context.Context, source string, owner core.OrganizationID) (api.CompileResult, error) {
	if source == "" {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "The orb's source is empty.")
	}
	return s.compile(ctx, core.CompileRequest{Config: source, Values: config.OutsideValues(), OrganizationID: owner, IsOrb: true})
}

func (s *Service) compile(ctx context.Context, request core.CompileRequest) (api.CompileResult, error) {
	if len(request.Config) > maxConfig {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "A config may have %d bytes.", maxConfig)
	}
	if len(request.Path) > maxPath {
		return api.CompileResult{}, core.Errorf(core.CodeInvalid, "The path of a config may have %d bytes.", maxPath)
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
		Errors:     api.ConfigErrors(result.Errors),
		Warnings:   api.ConfigErrors(result.Warnings),
	}, nil
}

// givenValues tells pipeline values from parameters: CircleCI's command line
// sends the parameters among the values too, and is to send them only there one
// day. What is given puts defaults aside.
func givenValues(options api.CompileOptions) (core.PipelineValues, map[string]any) {
	values, parameters := config.OutsideValues(), map[string]any{}
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
