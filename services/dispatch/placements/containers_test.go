// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// TestHowContainersFare is told of attempts that run, and of no others.
func TestHowContainersFare(t *testing.T) {
	t.Parallel()
	f := fakes().start(t, quick(), storetest.Open(t, "placements"))
	id, exit := f.placed(t), 3
	if _, err := f.Containers(t.Context(), id); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("before the claim: got %v", err)
	}
	f.claim(t, id)
	want := []core.Container{{Index: 0}, {Index: 1, Exit: &exit, Output: "bye"}}
	f.cluster.Set(id, true, func(a *cluster.Allocation) { a.Containers = want })
	got, err := f.Containers(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.report(t, id, core.JobSuccess)
	f.final(t, id)
	for _, id := range []core.AttemptID{id, core.NewAttemptID()} {
		if _, err := f.Containers(t.Context(), id); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("of one that does not run: got %v", err)
		}
	}
}
