// SPDX-License-Identifier: MPL-2.0

package agenttest

import (
	"encoding/json"
	"net/http"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// SetTimings sets what POST timings answers by key. A key that is missing has
// no timings.
func (s *Server) SetTimings(timings map[core.TestKey]wire.Timings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knownTimings = timings
}

func (s *Server) timings(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault, ok := s.enter(w, r)
	if !ok {
		return
	}
	var request wire.TimingsRequest
	if json.NewDecoder(r.Body).Decode(&request) != nil || request.By == "" {
		answer(w, http.StatusBadRequest, wire.Error{Code: core.CodeInvalid, Message: "no key"})
		return
	}
	timings, ok := s.knownTimings[request.By]
	if !ok {
		timings.Missing = "the test has none"
	}
	finish(w, fault, timings)
}
