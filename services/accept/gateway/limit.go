// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"sync"

	"github.com/muster-ci/muster/core"
)

// streamCount bounds the open streams of each user.
type streamCount struct {
	most int

	mu   sync.Mutex
	open map[core.UserID]int
}

func newStreamCount(most int) *streamCount {
	return &streamCount{most: most, open: map[core.UserID]int{}}
}

// enter takes a place; the caller gives it back with leave.
func (s *streamCount) enter(user core.UserID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[user] >= s.most {
		return false
	}
	s.open[user]++
	return true
}

func (s *streamCount) leave(user core.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[user]--; s.open[user] <= 0 {
		delete(s.open, user)
	}
}
