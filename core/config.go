// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"strconv"
)

// Configs fetches and compiles configs.
type Configs interface {
	// Compile turns a config into a plan. A config that does not compile is no
	// error: the result carries Errors and no Plan. An error means that the
	// question could not be answered (CodeUnavailable: ask again).
	Compile(ctx context.Context, request CompileRequest) (CompileResult, error)
	// Fetch resolves the source (branch or tag to revision, commit texts) and
	// reads the config file out of it.
	Fetch(ctx context.Context, request FetchRequest) (FetchResult, error)
}

// FetchRequest asks for the config file of a source.
type FetchRequest struct {
	Source Source `json:"source"`
	// Path of the file; "" means .circleci/config.yml, or .muster/pipeline.hcl
	// where there is none.
	Path string `json:"path,omitempty"`
}

// FetchResult is a config file and the source with what was learnt of it.
// A repository without the file, or a branch that is not there, is in Errors.
type FetchResult struct {
	Source Source        `json:"source"`
	Path   string        `json:"path,omitempty"` // of the file that was read
	Config string        `json:"config,omitempty"`
	Errors []ConfigError `json:"errors,omitempty"`
}

// CompileRequest is a config and all that its compilation depends on.
type CompileRequest struct {
	Config string `json:"config"`
	// Path is the name that errors show; one that ends in .hcl is written in
	// HCL. "" means .circleci/config.yml.
	Path       string         `json:"path,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
	Values     PipelineValues `json:"values"`
	// OrganizationID is whose private orbs and URL orb prefixes count; empty
	// means only what every organization may use.
	OrganizationID OrganizationID `json:"organization_id,omitempty"`
	// Orbs are versions that were decided before: of a reference that is in it,
	// exactly this one is used. A pipeline keeps one lock for all its compilations.
	Orbs []LockedOrb `json:"orbs,omitempty"`
	// IsOrb is true where Config is the source of an orb: it is checked by
	// itself, Processed is the orb as it would be published, there is no Plan.
	IsOrb bool `json:"is_orb,omitempty"`
	// Continuation is true for the config that continues a setup pipeline.
	Continuation bool `json:"continuation,omitempty"`
	// SetupParameters are what the setup config declared: its continuation has
	// to declare each of them with the same default.
	SetupParameters []PipelineParameter `json:"setup_parameters,omitempty"`
	// Schedule compiles one scheduled workflow (`triggers:`) and nothing else.
	Schedule string `json:"schedule,omitempty"`
}

// PipelineValues are the `pipeline.*` values that a config may read, by the
// name after "pipeline.", such as "git.branch". A name whose value is absent
// (a tag on a branch build) is not in the map.
type PipelineValues map[string]any

// CompileResult is a plan, or the errors that rule one out.
type CompileResult struct {
	Plan      *Plan         `json:"plan,omitempty"`
	Processed string        `json:"processed,omitempty"` // the expanded config, as `config process` prints it
	Errors    []ConfigError `json:"errors,omitempty"`
	Warnings  []ConfigError `json:"warnings,omitempty"`
	// Parameters are the declared pipeline parameters, in the order of the text.
	Parameters []PipelineParameter `json:"parameters,omitempty"`
	// Orbs are the references that were resolved, in order, each once.
	Orbs []LockedOrb `json:"orbs,omitempty"`
}

// ConfigError is one mistake in a config. Line and Column count from 1; 0 means
// that no place is known.
type ConfigError struct {
	Message    string `json:"message"`
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Path       string `json:"path,omitempty"`       // in the document, "jobs/build/steps/0"
	Suggestion string `json:"suggestion,omitempty"` // the way out
	Excerpt    string `json:"excerpt,omitempty"`    // the line and a caret under the place
}

// String formats the error over one or more lines, first its place.
func (e ConfigError) String() string {
	text := e.Message
	if e.Line > 0 {
		text = e.Place() + ": " + text
	}
	if e.Excerpt != "" {
		text += "\n" + e.Excerpt
	}
	if e.Suggestion != "" {
		text += "\n  " + e.Suggestion
	}
	return text
}

// Place returns "file:line:column".
func (e ConfigError) Place() string {
	file := e.File
	if file == "" {
		file = "config.yml"
	}
	return file + ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column)
}
