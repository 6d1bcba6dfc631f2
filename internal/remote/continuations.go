// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Continuations is a client of core.Continuations.
type Continuations struct{ caller *Caller }

// NewContinuations returns a client that calls through c.
func NewContinuations(c *Caller) *Continuations { return &Continuations{c} }

// ContinuePipeline implements core.Continuations.
func (r *Continuations) ContinuePipeline(ctx context.Context, c core.Continuation) (core.Pipeline, error) {
	return call[core.Pipeline](ctx, r.caller, "continue-pipeline", c)
}

// ContinuationKey implements core.Continuations.
func (r *Continuations) ContinuationKey(ctx context.Context, id core.PipelineID) (string, error) {
	return call[string](ctx, r.caller, "continuation-key", id)
}
