// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"
	"sync/atomic"

	"github.com/muster-ci/muster/core"
)

// visitor is who sent the request at hand, and what it may still cost.
type visitor struct {
	user  core.User
	calls atomic.Int64 // that are left
}

type visitorKey struct{}

func visit(ctx context.Context, user core.User) context.Context {
	v := &visitor{user: user}
	v.calls.Store(maxCalls)
	return context.WithValue(ctx, visitorKey{}, v)
}

func visitorOf(ctx context.Context) *visitor {
	v, _ := ctx.Value(visitorKey{}).(*visitor)
	return v
}

// spend takes one call to another service out of the request's budget. Depth
// and selections do not bound the work, since lists multiply.
func spend(ctx context.Context) error {
	if visitorOf(ctx).calls.Add(-1) < 0 {
		return core.Errorf(core.CodeExhausted, "This query asks for too much at once (more than %d look-ups); ask for fewer entries, or in several queries.", maxCalls)
	}
	return nil
}
