// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Stuck is a client of core.Stuck, which several services implement.
type Stuck struct{ caller *Caller }

// NewStuck returns a client that calls through c.
func NewStuck(c *Caller) *Stuck { return &Stuck{c} }

// ListStuck implements core.Stuck.
func (r *Stuck) ListStuck(ctx context.Context, f core.StuckFilter) ([]core.StuckRow, error) {
	return call[[]core.StuckRow](ctx, r.caller, "list-stuck", f)
}

// RetryStuck implements core.Stuck.
func (r *Stuck) RetryStuck(ctx context.Context, f core.StuckFilter) ([]core.StuckRow, error) {
	return call[[]core.StuckRow](ctx, r.caller, "retry-stuck", f)
}
