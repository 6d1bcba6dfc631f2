// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// PipelineState is where a pipeline is, in CircleCI's words.
//
//	pending ──────────────► created      its workflows exist
//	 ▲ │ │
//	 │ │ └────────────────► errored      no config, or one that does not compile
//	 │ ▼
//	 │ setup-pending                     it is a setup config
//	 │ │
//	 │ ▼
//	 └─setup ─────────────► errored      nobody continued it in time
//
// Both right-hand states are final; what the workflows do is theirs to say. A
// setup pipeline is pending again once a job has continued it. A pipeline that
// is canceled before its end becomes created, with the workflows that it has.
type PipelineState string

// The pipeline states of CircleCI's API v2.
const (
	PipelineSetupPending PipelineState = "setup-pending"
	PipelineSetup        PipelineState = "setup"
	PipelinePending      PipelineState = "pending"
	PipelineCreated      PipelineState = "created"
	PipelineErrored      PipelineState = "errored"
)

// Ended tells whether the state is final.
func (s PipelineState) Ended() bool { return s == PipelineCreated || s == PipelineErrored }

// Pipeline is one event with one config.
type Pipeline struct {
	ID         PipelineID      `json:"id"`
	Project    ProjectID       `json:"project_id"`
	Number     int64           `json:"number"` // counts per project from 1
	State      PipelineState   `json:"state"`
	Errors     []PipelineError `json:"errors,omitempty"`
	Warnings   []PipelineError `json:"warnings,omitempty"`
	Trigger    Trigger         `json:"trigger"`
	Source     Source          `json:"source"`
	Parameters map[string]any  `json:"parameters,omitempty"`
	Canceled   bool            `json:"canceled,omitempty"`
	// Setup is true once its config turned out to be a setup config.
	Setup     bool      `json:"setup,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Skipped is for people: why CreatePipeline made none. There is nothing but
	// it, ID and Project then, and the ID leads to no pipeline.
	Skipped string `json:"skipped,omitempty"`
}

// PipelineError is a reason for the state errored. Type is CircleCI's: config,
// config-fetch, plan, permission, timeout, other.
type PipelineError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// NewPipeline asks for a pipeline.
type NewPipeline struct {
	// ID is chosen by the caller, so that a repeated request is the same one.
	ID         PipelineID     `json:"id"`
	Project    Project        `json:"project"`
	Trigger    Trigger        `json:"trigger"`
	Source     Source         `json:"source"`
	Parameters map[string]any `json:"parameters,omitempty"`
	// Config is an unversioned config that is used in place of the
	// repository's; empty for the usual road.
	Config string `json:"config,omitempty"`
	// Skippable lets the message of the commit (`[ci skip]`) keep a pipeline that
	// somebody asks for from being made, as it always does with that of a push.
	Skippable bool `json:"skippable,omitempty"`
}

// PipelineFilter narrows a list. Empty fields do not narrow.
type PipelineFilter struct {
	Project ProjectID `json:"project_id,omitempty"`
	Branch  string    `json:"branch,omitempty"`
	Actor   UserID    `json:"actor_id,omitempty"`
	Page    Page      `json:"page"`
}

// PipelineList is a page of pipelines, newest first.
type PipelineList struct {
	Items []Pipeline `json:"items"`
	Next  string     `json:"next,omitempty"`
}

// PipelineConfig is what a pipeline was compiled from and to. Of a setup
// pipeline, the first two are the continuation's.
type PipelineConfig struct {
	Source        string `json:"source"`
	Compiled      string `json:"compiled"`
	Setup         string `json:"setup,omitempty"`
	CompiledSetup string `json:"compiled_setup,omitempty"`
}

// Pipelines keeps pipelines.
type Pipelines interface {
	// CreatePipeline accepts a pipeline, gives it its number and returns at
	// once; it is compiled afterwards. The second call with an id returns the
	// first's pipeline. A commit that asks for none gets none, which is no error:
	// Skipped says so, also to a second call. To know that, the message of a
	// commit that the trigger does not tell is fetched first; CodeUnavailable when
	// that cannot be done just now.
	CreatePipeline(ctx context.Context, p NewPipeline) (Pipeline, error)
	// Pipeline returns one by id, CodeNotFound otherwise.
	Pipeline(ctx context.Context, id PipelineID) (Pipeline, error)
	// PipelineByNumber returns one by its number in a project.
	PipelineByNumber(ctx context.Context, ref PipelineRef) (Pipeline, error)
	// ListPipelines returns a page, newest first.
	ListPipelines(ctx context.Context, filter PipelineFilter) (PipelineList, error)
	// PipelineConfig returns the configs, empty until there are some.
	PipelineConfig(ctx context.Context, id PipelineID) (PipelineConfig, error)
	// PipelineValues returns the `pipeline.*` values as far as they are known:
	// those of the source come with its fetching.
	PipelineValues(ctx context.Context, id PipelineID) (PipelineValues, error)
	// CancelPipeline stops one that is still pending and, through the workflows
	// service, all workflows of one that is not.
	CancelPipeline(ctx context.Context, id PipelineID) error
}

// PipelineRef names a pipeline by project and number.
type PipelineRef struct {
	Project ProjectID `json:"project_id"`
	Number  int64     `json:"number"`
}
