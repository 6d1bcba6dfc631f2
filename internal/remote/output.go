// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
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

// ReadOutput implements core.Output. The call lives as long as its reader, so
// only ctx bounds its time.
func (r *Output) ReadOutput(ctx context.Context, want core.OutputRange) (io.ReadCloser, error) {
	response, err := r.caller.post(ctx, "read-output", want)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
