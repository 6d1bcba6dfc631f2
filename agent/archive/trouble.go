// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"sync"
	"time"
)

// troubles are what the reader of a step has been told of: several parts on
// their way at once fail together, and are one trouble.
type troubles struct {
	mu   sync.Mutex
	with map[string]*trouble
}

type trouble struct {
	since   time.Time
	failing int // calls that are being tried again
}

// begin counts a call that has failed for the first time, and tells whether it
// is the only one with this peer.
func (t *troubles) begin(whom string) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.with == nil {
		t.with = map[string]*trouble{}
	}
	one := t.with[whom]
	if one == nil {
		one = &trouble{since: time.Now()}
		t.with[whom] = one
	}
	one.failing++
	return one.failing == 1
}

// end is for each call that began, however it ended. It tells for how long there
// was trouble, and whether that was the last call in it.
func (t *troubles) end(whom string) (lasted time.Duration, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.with[whom]
	one.failing--
	if one.failing == 0 {
		delete(t.with, whom)
	}
	return time.Since(one.since), one.failing == 0
}
