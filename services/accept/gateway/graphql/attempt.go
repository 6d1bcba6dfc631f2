// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// attempt makes one change to the registry for an administrator and leaves a
// line in the log about it, with what change says it was about. What a person
// did wrong is returned as failures, everything else as error.
func (a *API) attempt(ctx context.Context, event string, change func(context.Context) ([]any, error)) ([]failure, error) {
	user := visitorOf(ctx).user
	if !user.Admin {
		return []failure{failureOf(core.Errorf(core.CodeForbidden, "Only an administrator may do that."))}, nil
	}
	if err := spend(ctx); err != nil {
		return answered(err)
	}
	about, err := change(ctx)
	if err != nil {
		return answered(err)
	}
	a.deps.Logger.Info(event, append(about, "user_id", user.ID)...)
	return nil, nil
}
