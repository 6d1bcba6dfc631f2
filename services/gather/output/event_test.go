// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

func TestEventsBecomeStepsAndReports(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimed()
		at := h.now()
		code := 2
		var log []byte
		for _, e := range []wire.Event{
			{Type: wire.TaskStarted, At: at, AgentVersion: "1.2", Host: "node\x00"},
			{Type: wire.StepStarted, At: at, Step: 0, Name: "Checkout", Kind: "checkout"},
			{Type: wire.StepEnded, At: at.Add(time.Second), Step: 0, StepStatus: core.StepSuccess},
			{Type: wire.StepStarted, At: at.Add(time.Second), Step: 1, Name: "it's \x00 a test", Kind: "run", Command: strings.Repeat("é", 3000), Background: true},
			{Type: "step:dreamt", At: at, Step: 1},
			{Type: wire.StepEnded, At: at.Add(2 * time.Second), Step: 1, StepStatus: core.StepFailed, ExitCode: &code, Reason: "out of memory", Truncated: true},
			{Type: wire.StepStarted, At: at.Add(2 * time.Second), Step: 2, Name: "left over", Kind: "run"},
			{Type: wire.TaskEnded, At: at.Add(3 * time.Second), Status: core.JobFailed, Reason: "step 1 failed"},
		} {
			log = append(log, line(e)...)
		}
		// In parts that end anywhere, each sent twice.
		for offset := 0; offset < len(log); offset += 311 {
			f := wire.Frame{Stream: 0, Offset: int64(offset), Data: log[offset:min(offset+311, len(log))]}
			a.must(f)
			a.must(f)
		}
		a.must(wire.Frame{Stream: 2, Offset: 0, Data: []byte("output")})
		got, err := h.service.TaskSteps(context.Background(), []core.TaskID{core.TaskID(core.NewID()), a.task, a.task})
		if err != nil {
			t.Fatal(err)
		}
		end := func(s time.Duration) *time.Time { v := at.Add(s * time.Second); return &v }
		want := []core.AttemptSteps{{Task: a.task, Attempt: a.id, Number: 1, Status: core.JobFailed, Reason: "step 1 failed", Steps: []core.Step{
			{Number: 0, Name: "Checkout", Kind: "checkout", Status: core.StepSuccess, StartedAt: at, StoppedAt: end(1)},
			{Number: 1, Name: "it's  a test", Kind: "run", Command: strings.Repeat("é", 2048), Background: true, Status: core.StepFailed, ExitCode: &code, Error: "out of memory", Truncated: true, StartedAt: at.Add(time.Second), StoppedAt: end(2), Bytes: 6},
			{Number: 2, Name: "left over", Kind: "run", Status: core.StepLost, Error: "The agent did not say how this step ended.", StartedAt: at.Add(2 * time.Second), StoppedAt: end(2)},
		}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		reports := h.awaitReports(a.id, 2)
		failed := core.AgentReport{Attempt: a.id, Status: core.JobFailed, Reason: "step 1 failed", At: at.Add(3 * time.Second)}
		// The clock stands still: the first is not due yet, but for the second.
		if running := (core.AgentReport{Attempt: a.id, Status: core.JobRunning, At: at}); !slices.Equal(reports, []core.AgentReport{running, failed}) {
			t.Errorf("got reports %+v, want running and then %+v", reports, failed)
		}
	})
}

// awaitReports waits until placements has n reports of the attempt.
func (h *harness) awaitReports(id core.AttemptID, n int) []core.AgentReport {
	h.t.Helper()
	timeout := time.After(time.Minute)
	for {
		var out []core.AgentReport
		h.placements.mu.Lock()
		for _, r := range h.placements.reports {
			if r.Attempt == id {
				out = append(out, r)
			}
		}
		h.placements.mu.Unlock()
		if len(out) >= n {
			return out
		}
		select {
		case <-h.placements.reported:
		case <-timeout:
			h.t.Fatalf("got %d reports, want %d", len(out), n)
		}
	}
}

func TestReportsOutliveAnOutageAndACrash(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	h.placements.mu.Lock()
	h.placements.away = true
	h.placements.mu.Unlock()
	a := h.claimed()
	a.end()
	h.kill()
	h.placements.mu.Lock()
	h.placements.away = false
	h.placements.mu.Unlock()
	h.advance(10 * time.Minute) // over every back-off and lease
	h.start()
	reports := h.awaitReports(a.id, 2)
	// A back-off may have put them into any order.
	got := map[core.JobStatus]int{}
	for _, r := range reports {
		got[r.Status]++
	}
	if diff := cmp.Diff(map[core.JobStatus]int{core.JobRunning: 1, core.JobSuccess: 1}, got); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

func TestMalformedEventsAreRefusedWhole(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	a.run(0)
	good := line(wire.Event{Type: wire.StepStarted, Step: 1, Name: "one", At: h.now()})
	for name, bad := range map[string]string{
		"no json":      "nonsense\n",
		"wrong type":   `{"type":5}` + "\n",
		"step":         `{"type":"step:started","step":-1}` + "\n",
		"far step":     `{"type":"step:started","step":10000}` + "\n",
		"step status":  `{"type":"step:ended","step":0,"step_status":"running"}` + "\n",
		"task status":  `{"type":"task:ended","status":"queued"}` + "\n",
		"endless":      strings.Repeat("x", wire.MaxEvent),
		"long":         `{"type":"` + strings.Repeat("x", wire.MaxEvent) + "\"}\n",
		"deep nesting": strings.Repeat("[", 60_000) + "\n",
	} {
		status, _ := a.frames(wire.Frame{Stream: 0, Offset: a.events, Data: append(bytes.Clone(good), bad...)})
		if status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, status)
		}
	}
	steps, err := h.service.TaskSteps(context.Background(), []core.TaskID{a.task})
	if err != nil || len(steps[0].Steps) != 1 {
		t.Errorf("got %+v, %v; want the first step alone", steps, err)
	}
	a.run(1) // the stream goes on where it was
}

// FuzzEvents asks that no stream of events makes parsing panic, and that what
// was taken fits into a row.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("{\"type\":\"task:ended\",\"status\":\"success\"}\n{"))
	f.Add(line(wire.Event{Type: wire.StepStarted, Step: 3, Name: "\x00", Command: strings.Repeat("é", 4000)}))
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		events, rest, err := parseEvents(data, now)
		if err != nil {
			if core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("got %v, want invalid", err)
			}
			return
		}
		if len(rest) > wire.MaxEvent || bytes.IndexByte(rest, '\n') >= 0 {
			t.Errorf("got a rest of %d bytes", len(rest))
		}
		for _, e := range events {
			texts := e.Name + e.Kind + e.Command + e.Reason + e.Host + e.AgentVersion
			if strings.Contains(texts, "\x00") || !utf8.ValidString(texts) || len(e.Command) > maxText || len(e.Name) > maxName {
				t.Errorf("got %.200q, which fits into no row", texts)
			}
		}
	})
}
