// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"sync"
	"time"
)

// leap is by how much more than has passed a clock has to go on to count as set
// forward.
const leap = time.Minute

// jumps knows by how much the clock was set forward while this process ran, so
// that no build ends for it: what a build has run for is the time of day less
// that of its claim. Another process, also the next one, knows nothing of it.
type jumps struct {
	elapsed func() time.Duration // by a clock that nobody sets

	mu   sync.Mutex
	wall time.Time // at the last look
	at   time.Duration
	list []jump
}

// jump is one, and when it was by the clock before.
type jump struct {
	from time.Time
	by   time.Duration
}

func newJumps() *jumps {
	began := time.Now()
	return &jumps{elapsed: func() time.Duration { return time.Since(began) }}
}

// look compares the clocks; the more often, the better a jump is placed.
func (j *jumps) look(now time.Time) {
	now = now.Round(0) // the time of day alone
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.elapsed()
	if by := now.Sub(j.wall) - (at - j.at); !j.wall.IsZero() && by > leap {
		j.list = append(j.list, jump{from: j.wall, by: by})
	}
	j.wall, j.at = now, at
}

// since is by how much the clock was set forward after a time.
func (j *jumps) since(t time.Time) (by time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, one := range j.list {
		if !one.from.Before(t) {
			by += one.by
		}
	}
	return by
}
