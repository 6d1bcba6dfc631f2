// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Tasks is a client of core.Tasks.
type Tasks struct{ caller *Caller }

// NewTasks returns a client that calls through c.
func NewTasks(c *Caller) *Tasks { return &Tasks{c} }

// TaskSpecs implements core.Tasks.
func (r *Tasks) TaskSpecs(ctx context.Context, ids []core.TaskID) ([]core.TaskSpec, error) {
	return call[[]core.TaskSpec](ctx, r.caller, "task-specs", ids)
}

// ReportTasks implements core.Tasks.
func (r *Tasks) ReportTasks(ctx context.Context, reports []core.TaskReport) error {
	return act(ctx, r.caller, "report-tasks", reports)
}

// ReportSerials implements core.Tasks.
func (r *Tasks) ReportSerials(ctx context.Context, news []core.SerialNews) ([]core.SerialID, error) {
	return call[[]core.SerialID](ctx, r.caller, "report-serials", news)
}
