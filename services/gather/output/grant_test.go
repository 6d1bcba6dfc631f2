// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/yamux"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/pipe"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// fakeTokens signs nothing and remembers what it was asked.
type fakeTokens struct {
	core.JobTokenIssuer

	mu    sync.Mutex
	asked []core.JobTokenRequest
}

func (f *fakeTokens) IssueJobTokens(_ context.Context, r core.JobTokenRequest) (core.JobTokens, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r)
	if r.Identity.Fork {
		return core.JobTokens{}, core.Errorf(core.CodeForbidden, "A fork's pipeline gets no OIDC tokens.")
	}
	return core.JobTokens{V1: "one", V2: "two"}, nil
}

// claimedFor claims a task whose spec is changed first.
func (h *harness) claimedFor(change func(*core.TaskSpec)) *agent {
	h.t.Helper()
	a := h.place()
	h.placements.mu.Lock()
	task := h.placements.tasks[a.id]
	change(&task.Spec)
	h.placements.tasks[a.id] = task
	h.placements.mu.Unlock()
	a.claim()
	return a
}

func TestTokensSayWhoTheAttemptIs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimedFor(func(s *core.TaskSpec) {
			s.Job, s.Pipeline.Project.ID, s.Pipeline.Project.Organization.ID = "job-1", "project-1", "org-1"
			s.Pipeline.Source.Branch = "main"
		})
		fork := h.claimedFor(func(s *core.TaskSpec) { s.Pipeline.Source.Fork = "mallory/site" })
		h.restart() // another instance knows as much
		var got core.JobTokens
		if code := h.call("POST", wire.PathOIDC, a.token, wire.OIDCRequest{Audience: []string{"vault"}}, &got); code != http.StatusOK || got.V1 != "one" {
			t.Fatalf("got %d, %+v", code, got)
		}
		want := core.JobTokenRequest{Audience: []string{"vault"}, Identity: core.JobIdentity{
			Job: "job-1", Project: "project-1", Organization: "org-1", VCSRef: "refs/heads/main", VCSOrigin: "//",
		}}
		if diff := cmp.Diff(want, h.tokens.asked[0]); diff != "" {
			t.Errorf("identity was asked (-want +got):\n%s", diff)
		}
		var refused wire.Error
		if code := h.call("POST", wire.PathOIDC, fork.token, wire.OIDCRequest{}, &refused); code != http.StatusBadRequest || !strings.Contains(refused.Message, "fork") {
			t.Errorf("a fork: got %d, %+v; 403 would end the agent's work", code, refused)
		}
		if code := h.call("POST", wire.PathOIDC, "mt_forged", wire.OIDCRequest{}, nil); code != http.StatusUnauthorized {
			t.Errorf("a forged token: got %d", code)
		}
		for range maxJobTokens {
			h.call("POST", wire.PathOIDC, a.token, wire.OIDCRequest{}, nil)
		}
		if code := h.call("POST", wire.PathOIDC, a.token, wire.OIDCRequest{}, &refused); code != http.StatusTooManyRequests {
			t.Errorf("one too many: got %d, %+v", code, refused)
		}
		a.tell(wire.Event{Type: wire.TaskEnded, Status: core.JobSuccess})
		if code := h.call("POST", wire.PathOIDC, a.token, wire.OIDCRequest{}, nil); code != http.StatusGone {
			t.Errorf("after the end: got %d, want 410", code)
		}
	})
}

// tunnel connects an attempt as its agent does, and serves streams with echo.
func (a *agent) tunnel() *yamux.Session {
	a.h.t.Helper()
	request, err := http.NewRequest(http.MethodGet, a.h.server.URL+wire.PathSSH, nil)
	if err != nil {
		a.h.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	pipe.Ask(request)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		a.h.t.Fatal(err)
	}
	conn, err := pipe.Opened(response)
	if err != nil {
		a.h.t.Fatal(err)
	}
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	mux, err := yamux.Server(conn, cfg)
	if err != nil {
		a.h.t.Fatal(err)
	}
	a.h.t.Cleanup(func() { mux.Close() })
	if _, err := mux.Ping(); err != nil { // answered once the agent can be called
		a.h.t.Fatal(err)
	}
	go func() {
		for {
			one, err := mux.Accept()
			if err != nil {
				return
			}
			go echo(one)
		}
	}()
	return mux
}

// echo answers with the line at the beginning, and then with all that comes.
func echo(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	line, err := in.ReadBytes('\n')
	var head wire.SSHStream
	if err == nil && json.Unmarshal(line, &head) == nil {
		_, _ = io.WriteString(conn, "from "+head.Remote+"\n")
		_, _ = io.Copy(conn, in)
	}
}

func TestLoginsThroughATunnel(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimedFor(func(s *core.TaskSpec) { s.SSH = &core.SSHAccess{User: "ada"} })
		call := core.SSHCall{Attempt: a.id, User: "ada", Remote: "192.0.2.7"}
		if _, err := h.service.CallSSH(t.Context(), call); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("before the job is ready: got %v", err)
		}
		a.tell(wire.Event{Type: wire.SSHReady, Address: "203.0.113.1:64540", HostKey: "ssh-ed25519 AAAA"},
			wire.Event{Type: wire.StepStarted, Step: 1, Name: "SSH: exec", Command: "ls", Fingerprint: "SHA256:x", Remote: "192.0.2.7", Background: true})
		places, err := h.service.SSHPlaces(t.Context(), []core.TaskID{a.task, "other"})
		want := []core.SSHPlace{{Task: a.task, Attempt: a.id, User: "ada", Address: "203.0.113.1:64540", HostKey: "ssh-ed25519 AAAA"}}
		if diff := cmp.Diff(want, places); err != nil || diff != "" {
			t.Errorf("places: %v\n%s", err, diff)
		}
		steps, err := h.service.TaskSteps(t.Context(), []core.TaskID{a.task})
		if err != nil || len(steps) != 1 || len(steps[0].Steps) != 1 || steps[0].Steps[0].Remote != "192.0.2.7" || steps[0].Steps[0].Fingerprint != "SHA256:x" {
			t.Errorf("the session's step: got %+v, %v, want from where and with which key", steps, err)
		}
		if _, err := h.service.CallSSH(t.Context(), call); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("without a tunnel: got %v, want unavailable so that another instance is asked", err)
		}
		mux := a.tunnel()
		for range 3 { // each is a stream of its own
			conn := connected(t, h, call)
			_, _ = io.WriteString(conn, "hello\n")
			lines := bufio.NewScanner(conn)
			for _, want := range []string{"from 192.0.2.7", "hello"} {
				if !lines.Scan() || lines.Text() != want {
					t.Errorf("got %q, %v, want %q", lines.Text(), lines.Err(), want)
				}
			}
		}
		for _, user := range []core.UserID{"bob", ""} {
			if _, err := h.service.CallSSH(t.Context(), core.SSHCall{Attempt: a.id, User: user}); core.ErrorCode(err) != core.CodeForbidden {
				t.Errorf("user %q: got %v, want forbidden", user, err)
			}
		}
		for range maxCalls - 3 {
			connected(t, h, call)
		}
		if _, err := h.service.CallSSH(t.Context(), call); core.ErrorCode(err) != core.CodeExhausted {
			t.Errorf("one too many: got %v", err)
		}
		h.restart()
		<-mux.CloseChan() // an instance that stops lets its agents go elsewhere
		a.tell(wire.Event{Type: wire.TaskEnded, Status: core.JobSuccess})
		if places, err := h.service.SSHPlaces(t.Context(), []core.TaskID{a.task}); err != nil || len(places) != 0 {
			t.Errorf("after the end: got %+v, %v", places, err)
		}
	})
}

// connected calls until the tunnel, which opens beside, is there.
func connected(t *testing.T, h *harness, call core.SSHCall) io.ReadWriteCloser {
	t.Helper()
	for {
		conn, err := h.service.CallSSH(t.Context(), call)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		if core.ErrorCode(err) != core.CodeUnavailable || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestATunnelNeedsAJobWithSSH(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	if code := h.call("GET", wire.PathSSH, a.token, nil, nil); code != http.StatusBadRequest {
		t.Errorf("a job without SSH: got %d", code)
	}
	if code := h.call("GET", wire.PathSSH, "mt_forged", nil, nil); code != http.StatusUnauthorized {
		t.Errorf("a forged token: got %d", code)
	}
}
