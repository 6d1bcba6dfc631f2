// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"encoding/json"
	"io"

	"github.com/muster-ci/muster/core"
)

// Output is a client of core.Output.
type Output struct{ caller *Caller }

// NewOutput returns a client that calls through c.
func NewOutput(c *Caller) *Output { return &Output{c} }

// TaskSteps implements core.Output.
func (r *Output) TaskSteps(ctx context.Context, ids []core.TaskID) ([]core.AttemptSteps, error) {
	return call[[]core.AttemptSteps](ctx, r.caller, "task-steps", ids)
}

// TaskUsage implements core.ResourceUsages.
func (r *Output) TaskUsage(ctx context.Context, q core.UsageQuery) ([]core.ResourceUsage, error) {
	return call[[]core.ResourceUsage](ctx, r.caller, "task-usage", q)
}

// ReadOutput implements core.Output. The call lives as long as its reader, so
// only ctx bounds its time.
func (r *Output) ReadOutput(ctx context.Context, want core.OutputRange) (io.ReadCloser, error) {
	response, err := r.caller.post(ctx, "read-output", want)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// FollowSteps implements core.Output. Like ReadOutput it lives as long as ctx.
func (r *Output) FollowSteps(ctx context.Context, id core.PipelineID, tell func([]core.AttemptSteps) error) error {
	response, err := r.caller.post(ctx, "follow-steps", id)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	for lines := json.NewDecoder(response.Body); ; {
		var changed []core.AttemptSteps
		if err := lines.Decode(&changed); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return core.Errorf(core.CodeUnavailable, "following steps: %w", err)
		}
		if err := tell(changed); err != nil {
			return err
		}
	}
}
