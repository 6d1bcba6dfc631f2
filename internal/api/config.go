// SPDX-License-Identifier: MPL-2.0

package api

import "github.com/muster-ci/muster/core"

// CompileRequest asks for a config to be compiled.
type CompileRequest struct {
	ConfigYAML string         `json:"config_yaml"`
	Options    CompileOptions `json:"options,omitempty"`
}

// CompileOptions are what a compilation depends on beside the config.
type CompileOptions struct {
	OwnerID            string         `json:"owner_id,omitempty"`
	PipelineParameters map[string]any `json:"pipeline_parameters,omitempty"`
	PipelineValues     map[string]any `json:"pipeline_values,omitempty" doc:"by name, with or without the leading \"pipeline.\""`
	Path               string         `json:"path,omitempty" doc:"Muster: the name that errors show; one that ends in .hcl is a pipeline in HCL"`
	Next               bool           `json:"next,omitempty"`
}

// CompileResult is the compiled config, or what is wrong with it.
type CompileResult struct {
	Valid      bool          `json:"valid"`
	SourceYAML string        `json:"source-yaml"`
	OutputYAML string        `json:"output-yaml"`
	Errors     []ConfigError `json:"errors"`
	Warnings   []ConfigError `json:"warnings,omitempty" doc:"Muster"`
}

// ConfigError is one mistake. Message is whole in itself; the other fields are
// Muster's, for programs.
type ConfigError struct {
	Message    string `json:"message"`
	Summary    string `json:"summary,omitempty" doc:"the message without place and excerpt"`
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Path       string `json:"path,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
	Excerpt    string `json:"excerpt,omitempty"`
}

// ConfigErrors shows the mistakes that a compiler told.
func ConfigErrors(errors []core.ConfigError) []ConfigError {
	shown := make([]ConfigError, 0, len(errors))
	for _, e := range errors {
		shown = append(shown, ConfigError{
			Message: e.String(), Summary: e.Message, File: e.File, Line: e.Line, Column: e.Column,
			Path: e.Path, Suggestion: e.Suggestion, Excerpt: e.Excerpt,
		})
	}
	return shown
}
