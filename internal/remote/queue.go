// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Queue is a client of core.Queue.
type Queue struct{ caller *Caller }

// NewQueue returns a client that calls through c.
func NewQueue(c *Caller) *Queue { return &Queue{c} }

// Enqueue implements core.Queue.
func (r *Queue) Enqueue(ctx context.Context, tasks []core.QueuedTask) error {
	return act(ctx, r.caller, "enqueue", tasks)
}

// CancelTasks implements core.Queue.
func (r *Queue) CancelTasks(ctx context.Context, ids []core.TaskID) error {
	return act(ctx, r.caller, "cancel-tasks", ids)
}

// Waiting implements core.Queue.
func (r *Queue) Waiting(ctx context.Context, ids []core.TaskID) ([]string, error) {
	return call[[]string](ctx, r.caller, "waiting", ids)
}

// ReportAttempts implements core.Queue.
func (r *Queue) ReportAttempts(ctx context.Context, reports []core.AttemptReport) error {
	return act(ctx, r.caller, "report-attempts", reports)
}
