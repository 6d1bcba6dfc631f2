// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// compileConfig answers POST /compile-config-with-defaults. An empty body is
// answered with an error and not with 404: CircleCI's command line probes the
// route that way.
func (s *Service) compileConfig(r *request) (any, error) {
	var in api.CompileRequest
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if in.ConfigYAML == "" {
		return nil, core.Errorf(core.CodeInvalid, "config_yaml is missing.")
	}
	if len(in.ConfigYAML) > maxConfig {
		return nil, core.Errorf(core.CodeInvalid, "A config may have %d bytes.", maxConfig)
	}
	values := defaultValues()
	for name, value := range in.Options.PipelineValues {
		values[strings.TrimPrefix(name, "pipeline.")] = value
	}
	result, err := s.deps.Peers.Configs.Compile(r.ctx(), core.CompileRequest{
		Config: in.ConfigYAML, Parameters: in.Options.PipelineParameters, Values: values,
	})
	if err != nil {
		return nil, err
	}
	return api.CompileResult{
		Valid:      len(result.Errors) == 0,
		SourceYAML: in.ConfigYAML,
		OutputYAML: result.Processed,
		Errors:     showConfigErrors(result.Errors),
		Warnings:   showConfigErrors(result.Warnings),
	}, nil
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
