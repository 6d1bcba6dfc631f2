// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// TestTimings implements Results: each call has another answer.
func (f *fakeResults) TestTimings(_ context.Context, filter core.TimingsFilter) (core.TestTimings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return core.TestTimings{}, core.Errorf(core.CodeUnavailable, "results is away")
	}
	f.asked = append(f.asked, filter)
	if filter.JobName == "new" {
		return core.TestTimings{Names: []string{}, Seconds: []float64{}}, nil
	}
	return core.TestTimings{Branch: filter.Branch, Names: []string{"a"}, Seconds: []float64{float64(len(f.asked))}}, nil
}

// splitter is a task of a job that asks for timings.
func (h *harness) splitter(job core.JobID, change func(*core.TaskSpec)) *agent {
	return h.keeper(func(s *core.TaskSpec) {
		s.Job, s.Plan.Name = job, "test"
		s.Pipeline.Source.Branch, s.Pipeline.Project.DefaultBranch = "topic", "main"
		if change != nil {
			change(s)
		}
	})
}

func (a *agent) timings(by core.TestKey) wire.Timings {
	a.h.t.Helper()
	var out wire.Timings
	if status := a.ask(wire.PathTimings, wire.TimingsRequest{By: by}, &out); status != http.StatusOK {
		a.h.t.Fatalf("timings: got %d, want 200", status)
	}
	return out
}

// TestTimingsAreOneForAllTasks asks in the name of many tasks of a job at once,
// and again after everything has changed.
func TestTimingsAreOneForAllTasks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		const tasks = 8
		agents, answers := make([]*agent, tasks), make([]wire.Timings, tasks)
		for i := range agents {
			agents[i] = h.splitter("j", nil)
		}
		var all sync.WaitGroup
		for i, a := range agents {
			all.Go(func() { answers[i] = a.timings(core.TestByFile) })
		}
		all.Wait()
		h.restart()
		h.results.set(true)
		answers = append(answers, h.splitter("j", nil).timings(core.TestByFile))
		for i, answer := range answers {
			if diff := cmp.Diff(answers[0], answer); diff != "" {
				t.Errorf("task %d was told something else (-first +this):\n%s", i, diff)
			}
		}
		h.results.set(false)
		want := core.TimingsFilter{Project: project, JobName: "test", Branch: "topic", DefaultBranch: "main", By: core.TestByFile}
		if diff := cmp.Diff(want, h.results.asked[0]); diff != "" {
			t.Errorf("asked for something else (-want +got):\n%s", diff)
		}
		if other := h.splitter("j", nil).timings(core.TestByName); cmp.Equal(other, answers[0]) {
			t.Errorf("another kind has the same answer: %+v", other)
		}
		if other := h.splitter("k", nil).timings(core.TestByFile); cmp.Equal(other, answers[0]) {
			t.Errorf("another job has the same answer: %+v", other)
		}
	})
}

// TestTimingsWithoutResults: what could not be had for one task is nobody's, and
// other jobs have it as soon as results is back.
func TestTimingsWithoutResults(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	h.service.patience = time.Millisecond
	h.results.set(true)
	first := h.splitter("j", nil).timings(core.TestByFile)
	if !strings.Contains(first.Missing, "away") || len(first.Names) != 0 {
		t.Errorf("got %+v, want that results is away", first)
	}
	h.results.set(false)
	if second := h.splitter("j", nil).timings(core.TestByFile); !cmp.Equal(first, second) {
		t.Errorf("the second task was told %+v, the first %+v", second, first)
	}
	if other := h.splitter("k", nil).timings(core.TestByFile); other.Missing != "" || len(other.Names) != 1 {
		t.Errorf("another job was told %+v", other)
	}
	none := h.splitter("l", func(s *core.TaskSpec) { s.Plan.Name = "new" }).timings(core.TestByFile)
	if !strings.Contains(none.Missing, "no job of this name") {
		t.Errorf("got %+v of a job that never ran", none)
	}
}

// TestTimingsComeBack asks while results is away for less than the patience.
func TestTimingsComeBack(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	h.results.set(true)
	a := h.splitter("j", nil)
	done := make(chan wire.Timings)
	go func() { done <- a.timings(core.TestByFile) }()
	h.results.set(false)
	if got := <-done; got.Missing != "" {
		t.Errorf("got %+v, want timings", got)
	}
}

func TestTimingsRefused(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.splitter("j", nil)
	if status := a.ask(wire.PathTimings, wire.TimingsRequest{By: "size"}, nil); status != http.StatusBadRequest {
		t.Errorf("by size: got %d, want 400", status)
	}
	if status := h.call("POST", wire.PathTimings, "mt_nobody", wire.TimingsRequest{By: core.TestByFile}, nil); status != http.StatusUnauthorized {
		t.Errorf("without a token: got %d, want 401", status)
	}
	err := h.service.CloseAttempts(t.Context(), []core.AttemptClose{{Attempt: a.id, Status: core.JobFailed}})
	if err != nil {
		t.Fatal(err)
	}
	if status := a.ask(wire.PathTimings, wire.TimingsRequest{By: core.TestByFile}, nil); status != http.StatusGone {
		t.Errorf("after the end: got %d, want 410", status)
	}
}

func TestTimingsAreCompressed(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.splitter("j", nil)
	request, err := http.NewRequest(http.MethodPost, h.server.URL+wire.PathTimings, strings.NewReader(`{"by":"file"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Accept-Encoding", "zstd")
	response, err := h.server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	d, err := zstd.NewReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	text, err := io.ReadAll(d)
	if err != nil || response.Header.Get("Content-Encoding") != "zstd" || !strings.Contains(string(text), `"names":["a"]`) {
		t.Errorf("got %q as %q, %v", text, response.Header.Get("Content-Encoding"), err)
	}
}

// TestOldTimingsGo has another job's answer remove one that is a week old.
func TestOldTimingsGo(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	h.splitter("old", nil).timings(core.TestByFile)
	h.advance(timingsKept + time.Minute)
	h.splitter("new", nil).timings(core.TestByFile)
	var jobs []string
	if err := h.open().NewSelect().TableExpr("job_timings").Column("job_id").Scan(t.Context(), &jobs); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new"}, jobs); diff != "" {
		t.Errorf("jobs differ (-want +got):\n%s", diff)
	}
}
