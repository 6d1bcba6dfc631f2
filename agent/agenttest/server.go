// SPDX-License-Identifier: MPL-2.0

package agenttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

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

	task   core.ClaimedTask
	limits wire.Limits
	bundle []byte

	mu         sync.Mutex
	fault      func(n int, path string) Fault
	requests   int
	nonce      string
	stop       string
	heartbeats int
	streams    map[int][]byte
	changed    chan struct{} // closed and replaced when anything happens
}

// New starts a Server that hands out task. It ends with the test.
func New(t testing.TB, task core.ClaimedTask, limits wire.Limits) *Server {
	s := &Server{task: task, limits: limits, streams: make(map[int][]byte), changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+wire.PathClaim, s.claim)
	mux.HandleFunc("POST "+wire.PathFrames, s.frames)
	mux.HandleFunc("POST "+wire.PathHeartbeat, s.heartbeat)
	mux.HandleFunc("GET "+wire.PathSource, s.source)
	server := httptest.NewServer(mux)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// SetFault decides the fault of each request by its number, from 1, and path.
func (s *Server) SetFault(fault func(n int, path string) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// SetBundle sets what GET source answers.
func (s *Server) SetBundle(bundle []byte) { s.bundle = bundle }

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

// enter counts the request and applies the faults that need no body. It
// returns false when the request is answered.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (Fault, bool) {
	s.requests++
	fault := None
	if s.fault != nil {
		fault = s.fault(s.requests, r.URL.Path)
	}
	defer s.happened()
	switch fault {
	case Drop:
		panic(http.ErrAbortHandler)
	case Unavail:
		answer(w, http.StatusServiceUnavailable, wire.Error{Code: core.CodeUnavailable, Message: "the test says so"})
	case Forbid:
		answer(w, http.StatusForbidden, wire.Error{Code: core.CodeForbidden, Message: "the test says so"})
	case Gone:
		answer(w, http.StatusGone, wire.Error{Code: core.CodeNotFound, Message: "the test says so"})
	default:
		if r.URL.Path != wire.PathClaim && r.Header.Get("Authorization") != "Bearer "+Token {
			answer(w, http.StatusUnauthorized, wire.Error{Code: core.CodeUnauthorized, Message: "not the token"})
			return fault, false
		}
		return fault, true
	}
	return fault, false
}

func (s *Server) claim(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault, ok := s.enter(w, r)
	if !ok {
		return
	}
	var request wire.ClaimRequest
	if r.Header.Get("Authorization") != "Bearer "+Identity || json.NewDecoder(r.Body).Decode(&request) != nil {
		answer(w, http.StatusUnauthorized, wire.Error{Code: core.CodeUnauthorized, Message: "not the identity"})
		return
	}
	if s.nonce != "" && s.nonce != request.Nonce {
		answer(w, http.StatusConflict, wire.Error{Code: core.CodeConflict, Message: "claimed by another"})
		return
	}
	s.nonce = request.Nonce
	finish(w, fault, wire.ClaimResponse{Token: Token, Task: s.task, Streams: s.lengths(nil), Limits: s.limits})
}

func (s *Server) heartbeat(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault, ok := s.enter(w, r); ok {
		s.heartbeats++
		finish(w, fault, wire.Acks{Stop: s.stop})
	}
}

func (s *Server) source(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.enter(w, r); ok {
		w.Write(s.bundle)
	}
}

func (s *Server) frames(w http.ResponseWriter, r *http.Request) {
	packed, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	fault, ok := s.enter(w, r)
	if !ok {
		return
	}
	frames, decodeErr := decode(packed)
	if err != nil || decodeErr != nil {
		answer(w, http.StatusBadRequest, wire.Error{Code: core.CodeInvalid, Message: "no frames"})
		return
	}
	switch fault {
	case HalfTaken:
		frames = frames[:len(frames)/2]
	case Refuse:
		frames = nil
	}
	named := make(map[int]bool)
	for _, f := range frames {
		if !s.apply(f) {
			fault = Refuse
			break
		}
		named[f.Stream] = true
	}
	s.happened()
	if fault == HalfTaken || fault == Refuse {
		answer(w, http.StatusConflict, wire.Error{Code: core.CodeConflict, Message: "a gap", Streams: s.lengths(nil)})
		return
	}
	finish(w, fault, wire.Acks{Streams: s.lengths(named), Stop: s.stop})
}

// apply appends what is new of a frame; false means a gap.
func (s *Server) apply(f wire.Frame) bool {
	have := int64(len(s.streams[f.Stream]))
	if f.Offset > have {
		return false
	}
	if skip := have - f.Offset; skip < int64(len(f.Data)) {
		s.streams[f.Stream] = append(s.streams[f.Stream], f.Data[skip:]...)
	}
	return true
}

func (s *Server) lengths(named map[int]bool) map[int]int64 {
	lengths := make(map[int]int64)
	for stream := range maps.Keys(s.streams) {
		if named == nil || named[stream] {
			lengths[stream] = int64(len(s.streams[stream]))
		}
	}
	return lengths
}

func decode(packed []byte) ([]wire.Frame, error) {
	decoder, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	d := wire.NewDecoder(decoder)
	var frames []wire.Frame
	for {
		f, err := d.Next()
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return nil, err
		}
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, f)
	}
}

// finish answers, unless the answer is to be lost.
func finish(w http.ResponseWriter, fault Fault, body any) {
	if fault == LostAnswer {
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusOK, body)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that has gone is its own test
}
