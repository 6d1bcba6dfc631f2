// SPDX-License-Identifier: MPL-2.0

package clustertest

import "sync"

// Signal tells any number of waiters that something has changed. Take the
// channel first, then look, then wait: a change in between is not missed. The
// zero Signal is ready for use.
type Signal struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next change
}

// Next returns a channel that is closed at the next change.
func (s *Signal) Next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

// Send wakes all who wait.
func (s *Signal) Send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}
