// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
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

// TestProtocols: agents of an upgrade's other side are served as long as there is
// a protocol that both speak; for others the attempt ends with the reason, which
// placements is told.
func TestProtocols(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	claim := func(s wire.Speaks) (status int, answer wire.ClaimResponse, refused wire.Error) {
		a := h.place()
		request := wire.ClaimRequest{Nonce: nonce, Speaks: s}
		if status = h.call("POST", wire.PathClaim, a.identity(a.self()), request, &answer); status != http.StatusOK {
			h.call("POST", wire.PathClaim, a.identity(a.self()), request, &refused)
		}
		return status, answer, refused
	}
	for _, s := range []wire.Speaks{{}, wire.Ours(), {Oldest: wire.OldestProtocol, Newest: wire.Protocol + 1}} {
		if status, answer, refused := claim(s); status != http.StatusOK || answer.Protocol < wire.OldestProtocol || answer.Protocol > wire.Protocol {
			t.Errorf("%s: got %d with protocol %d (%s), want 200 with one of ours", s, status, answer.Protocol, refused.Message)
		}
	}
	status, _, refused := claim(wire.Speaks{Oldest: wire.Protocol + 1, Newest: wire.Protocol + 2})
	if status != http.StatusGone || !strings.Contains(refused.Message, "the agent is too new") {
		t.Errorf("too new: got %d %q, want 410 and what to do", status, refused.Message)
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

// TestPlacementsKnowsWhy: of an ending that the agent blames on the
// infrastructure people see what placements says of it, and of others what the
// agent says.
func TestPlacementsKnowsWhy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		drained, canceled, good := h.claimed(), h.claimed(), h.claimed()
		for _, a := range []*agent{drained, canceled} {
			a.tell(wire.Event{Type: wire.TaskEnded, Status: core.JobInfrastructureFail, Reason: "SIGTERM"})
		}
		good.tell(wire.Event{Type: wire.TaskEnded, Status: core.JobSuccess})
		ended := drained.row().EndedAt
		h.advance(time.Minute)
		for range 2 {
			err := h.service.CloseAttempts(t.Context(), []core.AttemptClose{
				{Attempt: drained.id, Status: core.JobInfrastructureFail, Reason: "the client is drained"},
				{Attempt: canceled.id, Status: core.JobCanceled},
				{Attempt: good.id, Status: core.JobInfrastructureFail, Reason: "the node was lost"},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := drained.row(); got.Status != core.JobInfrastructureFail || got.Reason != "the client is drained" || got.EndedAt != ended {
			t.Errorf("drained: got %s %q at %v, want placements' reason and the end as it was", got.Status, got.Reason, got.EndedAt)
		}
		if got := canceled.row(); got.Status != core.JobCanceled || got.Reason != "" {
			t.Errorf("canceled: got %s %q, want canceled", got.Status, got.Reason)
		}
		if got := good.row(); got.Status != core.JobSuccess {
			t.Errorf("good: got %s, want the agent's success", got.Status)
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
		if got := steps[0]; got.Status != core.JobInfrastructureFail || got.Reason != "node lost" || got.Steps[0].Status != core.StepSuccess || got.Steps[0].Bytes != 4 {
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
