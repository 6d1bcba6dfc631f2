// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/internal/workload"
)

func TestClaimRefusals(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	stranger, err := workload.NewLocal(t.TempDir(), wire.Audience, h.now)
	if err != nil {
		t.Fatal(err)
	}
	a := h.place()
	forged, err := stranger.Issue(a.self(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	expired := a.identity(a.self())
	foreign := a.self()
	foreign.AllocationID = core.NewID()
	unknown := a.self()
	unknown.JobID = string(core.NewAttemptID())
	service := a.self()
	service.JobID = "gateway"
	good := wire.ClaimRequest{Nonce: nonce}
	for name, c := range map[string]struct {
		token   string
		request wire.ClaimRequest
		want    int
	}{
		"none":         {"", good, http.StatusUnauthorized},
		"forged":       {forged, good, http.StatusUnauthorized},
		"no jwt":       {"abc", good, http.StatusUnauthorized},
		"foreign":      {a.identity(foreign), good, http.StatusForbidden},
		"unknown":      {a.identity(unknown), good, http.StatusNotFound},
		"a service":    {a.identity(service), good, http.StatusForbidden},
		"short nonce":  {a.identity(a.self()), wire.ClaimRequest{Nonce: "short"}, http.StatusBadRequest},
		"long version": {a.identity(a.self()), wire.ClaimRequest{Nonce: nonce, AgentVersion: strings.Repeat("x", 20<<10)}, http.StatusBadRequest},
	} {
		var got wire.Error
		if status := h.call("POST", wire.PathClaim, c.token, c.request, &got); status != c.want || got.Code == "" {
			t.Errorf("%s: got %d %q, want %d", name, status, got.Code, c.want)
		}
	}
	h.advance(2 * time.Hour)
	if status := h.call("POST", wire.PathClaim, expired, good, nil); status != http.StatusUnauthorized {
		t.Errorf("expired: got %d, want 401", status)
	}
	a.claim()
	if status := h.call("POST", wire.PathClaim, a.identity(a.self()), wire.ClaimRequest{Nonce: "another-process-0123"}, nil); status != http.StatusGone {
		t.Errorf("another process: got %d, want 410", status)
	}
}

func TestTokensAreBoundAndEnd(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimed()
		first := a.token
		a.run(0)
		a.write(0, 0, []byte("hello\n"))

		again := a.claim()
		if diff := cmp.Diff(map[int]int64{0: a.events, 1: 6}, again.Streams); diff != "" {
			t.Errorf("lengths in the second claim (-want +got):\n%s", diff)
		}
		if again.Token == first {
			t.Error("the second claim gave the same token")
		}
		if got := again.Task.Secrets[0].Value; got != "canary-in-the-task" {
			t.Errorf("got secret %q", got)
		}
		for name, token := range map[string]string{"wrong": "mt_" + strings.Repeat("A", 52), "none": "", "identity": a.identity(a.self()), "long": strings.Repeat("x", 4000)} {
			if status := h.call("POST", wire.PathHeartbeat, token, wire.Heartbeat{}, nil); status != http.StatusUnauthorized {
				t.Errorf("%s token: got %d, want 401", name, status)
			}
		}
		for _, token := range []string{first, again.Token} {
			if status := h.call("POST", wire.PathHeartbeat, token, wire.Heartbeat{}, nil); status != http.StatusOK {
				t.Errorf("heartbeat: got %d, want 200", status)
			}
		}
		dump := fmt.Sprint(everything(t, h))
		for _, secret := range []string{first, again.Token, "canary-in-the-task"} {
			if strings.Contains(dump, secret) {
				t.Errorf("%q is in the database", secret)
			}
		}
		a.end()
		if status, acks := a.frames(wire.Frame{Stream: 1, Offset: 0, Data: []byte("hello\n")}); status != http.StatusOK || acks.Streams[1] != 6 {
			t.Errorf("sending known bytes again after the end: got %d %v, want 200 and 6", status, acks.Streams)
		}
		if status := h.call("POST", wire.PathClaim, a.identity(a.self()), wire.ClaimRequest{Nonce: nonce}, nil); status != http.StatusGone {
			t.Errorf("claiming what has ended: got %d, want 410", status)
		}
		h.advance(31 * time.Second)
		if status, _ := a.frames(wire.Frame{Stream: 1, Offset: 6, Data: []byte("more")}); status != http.StatusGone {
			t.Errorf("new bytes after the grace: got %d, want 410", status)
		}
		h.advance(5 * time.Minute)
		if status, _ := a.frames(wire.Frame{Stream: 1, Offset: 0, Data: []byte("hello\n")}); status != http.StatusGone {
			t.Errorf("token five minutes after the end: got %d, want 410", status)
		}
	})
}

// everything dumps the texts of tables that hold what a claim brings.
func everything(t *testing.T, h *harness) []any {
	t.Helper()
	var out []any
	for _, table := range []string{"attempts", "tokens", "reports", "steps"} {
		var rows []map[string]any
		if err := h.service.deps.DB.NewSelect().TableExpr(table).Scan(context.Background(), &rows); err != nil {
			t.Fatal(err)
		}
		out = append(out, rows)
	}
	return out
}

func TestFramesAreTakenInOrderUpToTheFirstBadOne(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	a.run(0)
	frame := func(offset int64, s string) wire.Frame {
		return wire.Frame{Stream: 1, Offset: offset, Data: []byte(s)}
	}
	a.must(frame(0, "abc"), frame(3, "def"), frame(1, "bcdefgh"))
	if got := string(a.read(core.OutputRange{})); got != "abcdefgh" {
		t.Errorf("got %q, want abcdefgh", got)
	}
	status, acks := a.frames(frame(8, "ij"), frame(12, "gap"), frame(10, "kl"))
	if diff := cmp.Diff(map[int]int64{0: a.events, 1: 10}, acks.Streams); status != http.StatusConflict || diff != "" {
		t.Errorf("gap: got %d, want 409; lengths (-want +got):\n%s", status, diff)
	}
	body := wire.AppendFrame(wire.AppendFrame(nil, frame(10, "kl")), frame(12, "mn"))
	body[len(body)-1] ^= 1
	if status := h.send("POST", wire.PathFrames, a.token, "", bytes.NewReader(body), nil); status != http.StatusBadRequest {
		t.Errorf("bad checksum: got %d, want 400", status)
	}
	if got := string(a.read(core.OutputRange{})); got != "abcdefghijkl" {
		t.Errorf("got %q, want abcdefghijkl", got)
	}
	packed := compressed(wire.AppendFrame(nil, frame(12, "mn")))
	if status := h.send("POST", wire.PathFrames, a.token, "zstd", bytes.NewReader(packed), nil); status != http.StatusOK {
		t.Errorf("zstd: got %d, want 200", status)
	}
	if status := h.send("POST", wire.PathFrames, a.token, "zstd", strings.NewReader("no zstd"), nil); status != http.StatusBadRequest {
		t.Errorf("no zstd: got %d, want 400", status)
	}
	if status := h.send("POST", wire.PathFrames, a.token, "br", bytes.NewReader(packed), nil); status != http.StatusBadRequest {
		t.Errorf("unknown encoding: got %d, want 400", status)
	}
	bomb := compressed(wire.AppendFrame(nil, wire.Frame{Stream: 1, Offset: 14, Data: make([]byte, wire.MaxFrame)}))
	var bombs []byte
	for range 8 {
		bombs = append(bombs, bomb...)
	}
	if status := h.send("POST", wire.PathFrames, a.token, "zstd", bytes.NewReader(bombs), nil); status != http.StatusBadRequest {
		t.Errorf("8 MiB out of %d bytes: got %d, want 400", len(bombs), status)
	}
}

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
		want := []core.AttemptSteps{{Task: a.task, Attempt: a.id, Number: 1, Status: core.JobFailed, Steps: []core.Step{
			{Number: 0, Name: "Checkout", Kind: "checkout", Status: core.StepSuccess, StartedAt: at, StoppedAt: end(1)},
			{Number: 1, Name: "it's  a test", Kind: "run", Command: strings.Repeat("é", 2048), Background: true, Status: core.StepFailed, ExitCode: &code, Error: "out of memory", Truncated: true, StartedAt: at.Add(time.Second), StoppedAt: end(2), Bytes: 6},
			{Number: 2, Name: "left over", Kind: "run", Status: core.StepLost, Error: "The agent did not say how this step ended.", StartedAt: at.Add(2 * time.Second), StoppedAt: end(0)},
		}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		reports := h.awaitReports(a.id, 2)
		failed := core.AgentReport{Attempt: a.id, Status: core.JobFailed, Reason: "step 1 failed", At: at.Add(3 * time.Second)}
		if !slices.Contains(reports, failed) || !slices.Contains(reports, core.AgentReport{Attempt: a.id, Status: core.JobRunning, At: at}) {
			t.Errorf("got reports %+v, want running and %+v", reports, failed)
		}
	})
}

// awaitReports waits until placements has n reports of the attempt.
func (h *harness) awaitReports(id core.AttemptID, n int) []core.AgentReport {
	h.t.Helper()
	timeout := time.After(20 * time.Second)
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

func TestStopReachesTheAgentAndItsEndStays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		ctx := context.Background()
		a, late := h.claimed(), h.place()
		a.run(0)
		if err := h.service.StopOutput(ctx, []core.AttemptID{a.id, late.id, a.id}); err != nil {
			t.Fatal(err)
		}
		var acks wire.Acks
		if h.call("POST", wire.PathHeartbeat, a.token, wire.Heartbeat{}, &acks); acks.Stop != "canceled" {
			t.Errorf("heartbeat: got stop %q, want canceled", acks.Stop)
		}
		if acks := a.must(wire.Frame{Stream: 1, Offset: 0, Data: []byte("x")}); acks.Stop != "canceled" {
			t.Errorf("frames: got stop %q, want canceled", acks.Stop)
		}
		late.claim()
		if h.call("POST", wire.PathHeartbeat, late.token, wire.Heartbeat{}, &acks); acks.Stop != "canceled" {
			t.Errorf("claimed after the wish: got stop %q, want canceled", acks.Stop)
		}
		a.tell(wire.Event{Type: wire.TaskEnded, Status: core.JobCanceled})
		if err := h.service.CloseAttempts(ctx, []core.AttemptClose{{Attempt: a.id, Status: core.JobInfrastructureFail}}); err != nil {
			t.Fatal(err)
		}
		if got := a.row().Status; got != core.JobCanceled {
			t.Errorf("got %s, want canceled: the first final status stays", got)
		}
	})
}

func TestClosedAttemptsTakeLateBytesForAWhile(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		ctx := context.Background()
		a, never := h.claimed(), h.place()
		a.run(0)
		closes := []core.AttemptClose{{Attempt: a.id, Status: core.JobInfrastructureFail, Reason: "node lost"}, {Attempt: never.id, Status: core.JobCanceled}}
		for range 2 {
			if err := h.service.CloseAttempts(ctx, append(closes, closes...)); err != nil {
				t.Fatal(err)
			}
		}
		var acks wire.Acks
		if status := h.call("POST", wire.PathHeartbeat, a.token, wire.Heartbeat{}, &acks); status != http.StatusOK || acks.Stop != "canceled" {
			t.Errorf("heartbeat in the grace: got %d and stop %q, want 200 and canceled", status, acks.Stop)
		}
		a.write(0, 0, []byte("late"))
		a.finish(0)
		steps, err := h.service.TaskSteps(ctx, []core.TaskID{a.task})
		if err != nil {
			t.Fatal(err)
		}
		if got := steps[0]; got.Status != core.JobInfrastructureFail || got.Steps[0].Status != core.StepSuccess || got.Steps[0].Bytes != 4 {
			t.Errorf("got %+v, want a lost attempt with what its step said late", got)
		}
		if status := h.call("POST", wire.PathClaim, never.identity(never.self()), wire.ClaimRequest{Nonce: nonce}, nil); status != http.StatusGone {
			t.Errorf("claiming what was closed: got %d, want 410", status)
		}
		h.advance(31 * time.Second)
		if status, _ := a.frames(wire.Frame{Stream: 1, Offset: 4, Data: []byte("too late")}); status != http.StatusGone {
			t.Errorf("after the grace: got %d, want 410", status)
		}
		if status := h.call("POST", wire.PathHeartbeat, a.token, wire.Heartbeat{}, nil); status != http.StatusGone {
			t.Errorf("heartbeat after the grace: got %d, want 410", status)
		}
		if err := h.service.CloseAttempts(ctx, []core.AttemptClose{{Attempt: a.id, Status: core.JobRunning}}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("closing as running: got %v, want invalid", err)
		}
	})
}

func TestLimitsDropVisiblyAndAcknowledge(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{StepBytes: 10 << 10, AttemptBytes: 20 << 10})
	a := h.claimed()
	a.run(0)
	a.run(1)
	data := text(40 << 10)
	for offset := 0; offset < len(data); offset += 1000 {
		a.write(0, int64(offset), data[offset:min(offset+1000, len(data))])
	}
	want := string(data[:14<<10]) + cutMark
	if got := string(a.read(core.OutputRange{})); got != want {
		t.Errorf("got %d bytes, want %d with the mark", len(got), len(want))
	}
	a.write(1, 0, data)
	rest := 20<<10 - len(want)
	if got := string(a.read(core.OutputRange{Step: 1})); got != string(data[:rest])+cutMark {
		t.Errorf("second step: got %d bytes, want %d with the mark", len(got), rest+len(cutMark))
	}
	steps, err := h.service.TaskSteps(context.Background(), []core.TaskID{a.task})
	if err != nil || !steps[0].Steps[0].Truncated || steps[0].Steps[0].Bytes != int64(len(want)) {
		t.Errorf("got %+v, %v; want a truncated step of %d bytes", steps, err, len(want))
	}
}

func TestSourceIsTheTasksOwn(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a, b := h.place(), h.claimed()
	task := h.placements.tasks[a.id]
	task.Spec.Pipeline.Source.Bundle = "bundles/one"
	h.placements.place(a.id, a.allocation, task)
	if err := h.objects.Put(context.Background(), "bundles/one", strings.NewReader("a bundle")); err != nil {
		t.Fatal(err)
	}
	a.claim()
	for _, c := range []struct {
		token string
		want  int
	}{{a.token, http.StatusOK}, {b.token, http.StatusNotFound}, {"mt_x", http.StatusUnauthorized}} {
		request, err := http.NewRequest("GET", h.server.URL+wire.PathSource, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+c.token)
		response, err := h.server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := got.ReadFrom(response.Body); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.want || c.want == http.StatusOK && got.String() != "a bundle" {
			t.Errorf("got %d %q, want %d", response.StatusCode, got.String(), c.want)
		}
	}
}

func TestTwoHundredTasksAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		h.server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 200
		agents := make([]*agent, 200)
		for i := range agents {
			agents[i] = h.place()
		}
		var all sync.WaitGroup
		for i, a := range agents {
			all.Go(func() {
				var answer wire.ClaimResponse
				if status := h.call("POST", wire.PathClaim, a.identity(a.self()), wire.ClaimRequest{Nonce: nonce}, &answer); status != http.StatusOK {
					t.Errorf("claim: got %d, want 200", status)
					return
				}
				a.token = answer.Token
				frames := []wire.Frame{{Stream: 0, Data: line(wire.Event{Type: wire.StepStarted, Name: "run", At: h.now()})}}
				for n := range 10 {
					frames = append(frames, wire.Frame{Stream: 1, Offset: int64(n * 10), Data: fmt.Appendf(nil, "%04d %04d\n", i, n)})
					if status, _ := a.frames(frames...); status != http.StatusOK {
						t.Errorf("frames: got %d, want 200", status)
					}
					frames = nil
				}
			})
		}
		all.Wait()
		for i, a := range agents {
			var want strings.Builder
			for n := range 10 {
				fmt.Fprintf(&want, "%04d %04d\n", i, n)
			}
			if got := string(a.read(core.OutputRange{})); got != want.String() {
				t.Errorf("attempt %d: got %q, want %q", i, got, want.String())
			}
		}
	})
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
			if text, err := json.Marshal(e); err != nil || len(e.Command) > maxText || len(e.Name) > maxName || bytes.Contains(text, []byte(`\u0000`)) {
				t.Errorf("got %.200s, %v", text, err)
			}
		}
	})
}
