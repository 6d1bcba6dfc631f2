// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Results is a client of core.Results.
type Results struct{ caller *Caller }

// NewResults returns a client that calls through c.
func NewResults(c *Caller) *Results { return &Results{c} }

// AddResults implements core.Results.
func (r *Results) AddResults(ctx context.Context, uploads []core.TestUpload) error {
	return act(ctx, r.caller, "add-results", uploads)
}

// JobTests implements core.Results.
func (r *Results) JobTests(ctx context.Context, f core.TestFilter) (core.TestList, error) {
	return call[core.TestList](ctx, r.caller, "job-tests", f)
}

// TestTimings implements core.Results.
func (r *Results) TestTimings(ctx context.Context, f core.TimingsFilter) (core.TestTimings, error) {
	return call[core.TestTimings](ctx, r.caller, "test-timings", f)
}

// FailedTests implements core.Results.
func (r *Results) FailedTests(ctx context.Context, id core.JobID) (core.FailedTests, error) {
	return call[core.FailedTests](ctx, r.caller, "failed-tests", id)
}

// FlakyTests implements core.Results.
func (r *Results) FlakyTests(ctx context.Context, id core.ProjectID) ([]core.FlakyTest, error) {
	return call[[]core.FlakyTest](ctx, r.caller, "flaky-tests", id)
}
