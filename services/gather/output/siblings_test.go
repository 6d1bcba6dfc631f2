// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// fakeSiblings answers every question with the same tasks, or with an error.
type fakeSiblings struct {
	mu    sync.Mutex
	err   error
	asked []core.SiblingQuery
}

func (f *fakeSiblings) TaskSiblings(_ context.Context, q core.SiblingQuery) (core.Siblings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	return core.Siblings{Version: "v2", Tasks: []core.Sibling{{Index: 1, Status: core.JobRunning, Attempt: 1}}}, f.err
}

func (f *fakeSiblings) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// TestSiblingsOfTheTask: an attempt hears of its own job's tasks, from whichever
// instance it asks, and what goes wrong behind output does not end its work.
func TestSiblingsOfTheTask(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimedFor(func(s *core.TaskSpec) { s.Task = "t1" })
		h.restart()
		var got core.Siblings
		if status := a.ask(wire.PathSiblings, wire.SiblingsRequest{Known: "v1", Wait: time.Second}, &got); status != http.StatusOK {
			t.Fatalf("got %d", status)
		}
		want := core.Siblings{Version: "v2", Tasks: []core.Sibling{{Index: 1, Status: core.JobRunning, Attempt: 1}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("siblings (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]core.SiblingQuery{{Task: "t1", Known: "v1", Wait: time.Second}}, h.siblings.asked); diff != "" {
			t.Errorf("workflows was asked (-want +got):\n%s", diff)
		}
		for code, status := range map[core.Code]int{
			core.CodeUnavailable: http.StatusServiceUnavailable,
			core.CodeForbidden:   http.StatusInternalServerError, // 403 would end the agent's work
			core.CodeNotFound:    http.StatusNotFound,
		} {
			h.siblings.fail(core.Errorf(code, "the test says so"))
			if got := a.ask(wire.PathSiblings, wire.SiblingsRequest{}, nil); got != status {
				t.Errorf("%s of workflows: got %d, want %d", code, got, status)
			}
		}
		asked := len(h.siblings.asked)
		a.end()
		if got := a.ask(wire.PathSiblings, wire.SiblingsRequest{}, nil); got != http.StatusGone || len(h.siblings.asked) != asked {
			t.Errorf("after the attempt's end: got %d", got)
		}
	})
}
