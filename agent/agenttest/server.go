// SPDX-License-Identifier: MPL-2.0

package agenttest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Fault is what a Server does to one request.
type Fault int

// The faults.
const (
	None       Fault = iota
	Drop             // hang up without doing anything
	Unavail          // answer 503 without doing anything
	LostAnswer       // do it, then hang up
	HalfTaken        // apply half of the frames, then answer 409 with the lengths
	Refuse           // 409 with the lengths, without doing anything
	Forbid           // 403
	Gone             // 410
)

// Identity is the workload identity that a Server takes, and Token what it
// answers a claim with.
const (
	Identity = "eyJhbGciOi.identity-of-the-test.c2lnbmF0dXJl"
	Token    = "task-token-0123456789"
)

// Server is a fake output service for one attempt.
type Server struct {
	URL string
	// Objects is the object store that archives go to.
	Objects *Objects

	task   core.ClaimedTask
	limits wire.Limits

	mu           sync.Mutex
	bundle       []byte
	fault        func(n int, path string) Fault
	requests     int
	nonce        string
	stop         string
	now          func() time.Time // the platform's, nil for one that does not tell it
	heartbeats   int
	streams      map[int][]byte
	archives     archives
	knownTimings map[core.TestKey]wire.Timings
	others       core.Siblings
	changed      chan struct{} // closed and replaced when anything happens
}

// New starts a Server that hands out task. It ends with the test.
func New(t testing.TB, task core.ClaimedTask, limits wire.Limits) *Server {
	s := &Server{task: task, limits: limits, streams: make(map[int][]byte), changed: make(chan struct{}), Objects: &Objects{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+wire.PathClaim, s.claim)
	mux.HandleFunc("POST "+wire.PathFrames, s.frames)
	mux.HandleFunc("POST "+wire.PathHeartbeat, s.heartbeat)
	mux.HandleFunc("GET "+wire.PathSource, s.source)
	mux.HandleFunc("POST "+wire.PathTimings, s.timings)
	mux.HandleFunc("POST "+wire.PathSiblings, s.siblings)
	s.archiveRoutes(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// SetTask hands out another task from now on, whose output begins anew. What
// was kept in archives stays.
func (s *Server) SetTask(task core.ClaimedTask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.task, s.nonce, s.streams = task, "", make(map[int][]byte)
}

// SetFault decides the fault of each request by its number, from 1, and path.
func (s *Server) SetFault(fault func(n int, path string) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// SetBundle sets what GET source answers.
func (s *Server) SetBundle(bundle []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bundle = bundle
}

// SetNow gives the Server a clock, which it tells in the claim's answer.
func (s *Server) SetNow(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// Stop asks the agent to stop, with its next acknowledgement.
func (s *Server) Stop(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = reason
}

// Requests returns how many calls came, faulty ones included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Heartbeats returns how many came.
func (s *Server) Heartbeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heartbeats
}

// Output returns the bytes of a step.
func (s *Server) Output(step int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.streams[wire.StepStream(step)])
}

// All returns every byte of every stream, for a search for what must not be
// there.
func (s *Server) All() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all bytes.Buffer
	for _, data := range s.streams {
		all.Write(data)
	}
	return all.String()
}

// Events returns the events so far.
func (s *Server) Events() []wire.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events()
}

func (s *Server) events() []wire.Event {
	var events []wire.Event
	for line := range bytes.Lines(s.streams[wire.EventStream]) {
		var e wire.Event
		if json.Unmarshal(line, &e) == nil && bytes.HasSuffix(line, []byte("\n")) {
			events = append(events, e)
		}
	}
	return events
}

// Wait blocks until done says so; it is asked after everything that happens.
func (s *Server) Wait(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (s *Server) happened() {
	close(s.changed)
	s.changed = make(chan struct{})
}
