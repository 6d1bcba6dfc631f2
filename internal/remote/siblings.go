// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// TaskSiblings is a client of core.TaskSiblings.
type TaskSiblings struct{ caller *Caller }

// NewTaskSiblings returns a client that calls through c.
func NewTaskSiblings(c *Caller) *TaskSiblings { return &TaskSiblings{c} }

// TaskSiblings implements core.TaskSiblings.
func (r *TaskSiblings) TaskSiblings(ctx context.Context, q core.SiblingQuery) (core.Siblings, error) {
	return call[core.Siblings](ctx, r.caller, "task-siblings", q)
}
