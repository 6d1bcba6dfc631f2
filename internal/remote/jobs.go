// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Jobs is a client of core.Jobs.
type Jobs struct{ caller *Caller }

// NewJobs returns a client that calls through c.
func NewJobs(c *Caller) *Jobs { return &Jobs{c} }

// WorkflowJobs implements core.Jobs.
func (r *Jobs) WorkflowJobs(ctx context.Context, id core.WorkflowID) ([]core.Job, error) {
	return call[[]core.Job](ctx, r.caller, "workflow-jobs", id)
}

// Job implements core.Jobs.
func (r *Jobs) Job(ctx context.Context, id core.JobID) (core.Job, error) {
	return call[core.Job](ctx, r.caller, "job", id)
}

// JobByNumber implements core.Jobs.
func (r *Jobs) JobByNumber(ctx context.Context, ref core.JobRef) (core.Job, error) {
	return call[core.Job](ctx, r.caller, "job-by-number", ref)
}

// CancelJob implements core.Jobs.
func (r *Jobs) CancelJob(ctx context.Context, c core.JobCancel) error {
	return act(ctx, r.caller, "cancel-job", c)
}
