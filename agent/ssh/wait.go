// SPDX-License-Identifier: MPL-2.0

package ssh

import (
	"context"
	"time"
)

// Wait returns when nobody has been logged in for idle, counted from now at the
// earliest; when most has passed; or when ctx ends.
func (s *Server) Wait(ctx context.Context, idle, most time.Duration) {
	began := s.deps.Clock()
	limit := time.NewTimer(most)
	defer limit.Stop()
	for {
		quiet, changed := s.quietFor(began)
		if quiet >= idle {
			return
		}
		timer := time.NewTimer(idle - max(0, quiet))
		if quiet < 0 {
			timer.Stop() // somebody is there
		}
		select {
		case <-ctx.Done():
		case <-limit.C:
		case <-changed:
			timer.Stop()
			continue
		case <-timer.C:
			continue
		}
		timer.Stop()
		return
	}
}

// quietFor returns how long nobody has been logged in, -1 when somebody is, and
// what is closed when that changes.
func (s *Server) quietFor(since time.Time) (time.Duration, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if c.loggedIn {
			return -1, s.changed
		}
	}
	if s.quietAt.After(since) {
		since = s.quietAt
	}
	return s.deps.Clock().Sub(since), s.changed
}
