// SPDX-License-Identifier: MPL-2.0

package output

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// TestAnAttemptHearsOfItsContainers, and nobody else of them.
func TestAnAttemptHearsOfItsContainers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimedFor(func(*core.TaskSpec) {})
		exit := 3
		h.placements.mu.Lock()
		task := h.placements.tasks[a.id]
		task.Containers = []core.Container{{Index: 1, Exit: &exit, Output: "bye"}}
		h.placements.tasks[a.id] = task
		h.placements.mu.Unlock()
		var got wire.Containers
		if code := h.call("POST", wire.PathContainers, a.token, struct{}{}, &got); code != http.StatusOK {
			t.Fatalf("got %d", code)
		}
		if diff := cmp.Diff(task.Containers, got.Containers); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if code := h.call("POST", wire.PathContainers, "mt_forged", struct{}{}, nil); code != http.StatusUnauthorized {
			t.Errorf("a forged token: got %d", code)
		}
		a.tell(wire.Event{Type: wire.TaskEnded, Status: core.JobSuccess})
		if code := h.call("POST", wire.PathContainers, a.token, struct{}{}, nil); code != http.StatusGone {
			t.Errorf("after the end: got %d, want 410", code)
		}
	})
}
