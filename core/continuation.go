// SPDX-License-Identifier: MPL-2.0

package core

import "context"

// Continuation gives a setup pipeline the config that does the work.
type Continuation struct {
	// Key is what the jobs of the setup workflow have as CIRCLE_CONTINUATION_KEY.
	Key string `json:"key"`
	// Config is the text; one that is empty ends the pipeline without further
	// workflows.
	Config string `json:"config"`
	// Parameters are the pipeline parameters of this config. They come on top of
	// the trigger's, of which they may repeat none.
	Parameters map[string]any `json:"parameters,omitempty"`
}

// Continuations is the second half of pipelines that begin with a setup config.
type Continuations interface {
	// ContinuePipeline takes the continuation of a pipeline and returns at once;
	// the config is compiled afterwards, and its mistakes are the pipeline's
	// errors. The same continuation again has the same answer. An unknown key is
	// CodeNotFound; another continuation, one that comes too late or to a
	// pipeline that has ended is CodeConflict.
	ContinuePipeline(ctx context.Context, c Continuation) (Pipeline, error)
	// ContinuationKey returns the key of a setup pipeline in plain, for a claimed
	// task of its setup workflow only. CodeNotFound for any other pipeline.
	ContinuationKey(ctx context.Context, id PipelineID) (string, error)
}

// PipelineParameter is a declaration under the top-level `parameters:`.
type PipelineParameter struct {
	Name    string `json:"name"`
	Default any    `json:"default"` // a string, a boolean or a whole number
}
