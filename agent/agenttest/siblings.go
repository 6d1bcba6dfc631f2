// SPDX-License-Identifier: MPL-2.0

package agenttest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// SetSiblings sets what POST siblings answers; whoever waits for news has some.
func (s *Server) SetSiblings(tasks ...core.Sibling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	version, _ := strconv.Atoi(s.others.Version)
	s.others = core.Siblings{Tasks: tasks, Version: strconv.Itoa(version + 1)}
	s.happened()
}

func (s *Server) siblings(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault, ok := s.enter(w, r)
	if !ok {
		return
	}
	var request wire.SiblingsRequest
	if json.NewDecoder(r.Body).Decode(&request) != nil {
		answer(w, http.StatusBadRequest, wire.Error{Code: core.CodeInvalid, Message: "no request"})
		return
	}
	timeout := time.NewTimer(request.Wait)
	defer timeout.Stop()
	for waiting := true; waiting && s.others.Version == request.Known; {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-timeout.C:
			waiting = false
		case <-r.Context().Done():
			waiting = false
		}
		s.mu.Lock()
	}
	finish(w, fault, s.others)
}
