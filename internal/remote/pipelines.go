// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Pipelines is a client of core.Pipelines.
type Pipelines struct{ caller *Caller }

// NewPipelines returns a client that calls through c.
func NewPipelines(c *Caller) *Pipelines { return &Pipelines{c} }

// CreatePipeline implements core.Pipelines.
func (r *Pipelines) CreatePipeline(ctx context.Context, p core.NewPipeline) (core.Pipeline, error) {
	return call[core.Pipeline](ctx, r.caller, "create-pipeline", p)
}

// Pipeline implements core.Pipelines.
func (r *Pipelines) Pipeline(ctx context.Context, id core.PipelineID) (core.Pipeline, error) {
	return call[core.Pipeline](ctx, r.caller, "pipeline", id)
}

// PipelineByNumber implements core.Pipelines.
func (r *Pipelines) PipelineByNumber(ctx context.Context, ref core.PipelineRef) (core.Pipeline, error) {
	return call[core.Pipeline](ctx, r.caller, "pipeline-by-number", ref)
}

// ListPipelines implements core.Pipelines.
func (r *Pipelines) ListPipelines(ctx context.Context, filter core.PipelineFilter) (core.PipelineList, error) {
	return call[core.PipelineList](ctx, r.caller, "list-pipelines", filter)
}

// PipelineConfig implements core.Pipelines.
func (r *Pipelines) PipelineConfig(ctx context.Context, id core.PipelineID) (core.PipelineConfig, error) {
	return call[core.PipelineConfig](ctx, r.caller, "pipeline-config", id)
}

// PipelineValues implements core.Pipelines.
func (r *Pipelines) PipelineValues(ctx context.Context, id core.PipelineID) (core.PipelineValues, error) {
	return call[core.PipelineValues](ctx, r.caller, "pipeline-values", id)
}

// CancelPipeline implements core.Pipelines.
func (r *Pipelines) CancelPipeline(ctx context.Context, id core.PipelineID) error {
	return act(ctx, r.caller, "cancel-pipeline", id)
}
