// SPDX-License-Identifier: MPL-2.0

package scenario

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/api"
)

// awaitTests waits until the tests that a job kept are read, and returns them as
// "name result" in the order of that. Tasks hand theirs on one after the other,
// so the least number that there must be says when all are there.
func (p *Platform) awaitTests(t *testing.T, slug string, job api.WorkflowJob, least int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), p.Patience)
	defer cancel()
	for {
		list, err := p.Client.Tests(ctx, slug, job.JobNumber, false)
		if err == nil && list.Pending == 0 && len(list.Items) >= max(least, 1) {
			var names []string
			for _, one := range list.Items {
				names = append(names, one.Name+" "+one.Result)
			}
			slices.Sort(names)
			return names
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting %s for the tests of %s; the last answer: %+v, %v", p.Patience, job.Name, list, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// checkTests compares the tests of the named jobs with what they should be.
func (p *Platform) checkTests(t *testing.T, slug string, end State, want map[string][]string) {
	t.Helper()
	for name, tests := range want {
		if got := p.awaitTests(t, slug, end.Job(t, name), len(tests)); !slices.Equal(got, tests) {
			t.Errorf("job %s: got the tests %q, want %q", name, got, tests)
		}
	}
}
