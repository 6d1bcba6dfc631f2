// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Workflows is a client of core.Workflows.
type Workflows struct{ caller *Caller }

// NewWorkflows returns a client that calls through c.
func NewWorkflows(c *Caller) *Workflows { return &Workflows{c} }

// CreateWorkflows implements core.Workflows.
func (r *Workflows) CreateWorkflows(ctx context.Context, ws []core.NewWorkflow) error {
	return act(ctx, r.caller, "create-workflows", ws)
}

// Workflow implements core.Workflows.
func (r *Workflows) Workflow(ctx context.Context, id core.WorkflowID) (core.Workflow, error) {
	return call[core.Workflow](ctx, r.caller, "workflow", id)
}

// PipelineWorkflows implements core.Workflows.
func (r *Workflows) PipelineWorkflows(ctx context.Context, id core.PipelineID) ([]core.Workflow, error) {
	return call[[]core.Workflow](ctx, r.caller, "pipeline-workflows", id)
}

// CancelWorkflow implements core.Workflows.
func (r *Workflows) CancelWorkflow(ctx context.Context, c core.WorkflowCancel) error {
	return act(ctx, r.caller, "cancel-workflow", c)
}

// CancelPipelineWorkflows implements core.Workflows.
func (r *Workflows) CancelPipelineWorkflows(ctx context.Context, id core.PipelineID) error {
	return act(ctx, r.caller, "cancel-pipeline-workflows", id)
}

// RerunWorkflow implements core.Workflows.
func (r *Workflows) RerunWorkflow(ctx context.Context, rerun core.Rerun) (core.Workflow, error) {
	return call[core.Workflow](ctx, r.caller, "rerun-workflow", rerun)
}

// Approve implements core.Workflows.
func (r *Workflows) Approve(ctx context.Context, a core.Approval) error {
	return act(ctx, r.caller, "approve", a)
}
