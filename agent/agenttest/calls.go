// SPDX-License-Identifier: MPL-2.0

package agenttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

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
	answer := wire.ClaimResponse{Token: Token, Task: s.task, Streams: s.lengths(nil), Limits: s.limits}
	if s.now != nil {
		answer.Now = s.now()
	}
	finish(w, fault, answer)
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
