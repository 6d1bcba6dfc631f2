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
// "name result" in the order of that.
func (p *Platform) awaitTests(t *testing.T, slug string, job api.WorkflowJob) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), p.Patience)
	defer cancel()
	for {
		list, err := p.Client.Tests(ctx, slug, job.JobNumber, false)
		if err == nil && list.Pending == 0 && len(list.Items) > 0 {
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
		if got := p.awaitTests(t, slug, end.Job(t, name)); !slices.Equal(got, tests) {
			t.Errorf("job %s: got the tests %q, want %q", name, got, tests)
		}
	}
}
