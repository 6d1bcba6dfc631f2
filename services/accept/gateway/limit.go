// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/muster-ci/muster/core"
)

// maxBudgets bounds how many callers are remembered. Forgetting one that was
// quiet costs nothing: its budget is full again by then.
const maxBudgets = 10_000

// limits is one budget of requests per caller, per instance of the gateway.
type limits struct {
	rate  rate.Limit
	burst int
	clock core.Clock

	mu      sync.Mutex
	callers map[string]*budget
}

type budget struct {
	*rate.Limiter
	used time.Time
}

func newLimits(perSecond float64, burst int, clock core.Clock) *limits {
	return &limits{rate: rate.Limit(perSecond), burst: burst, clock: clock, callers: map[string]*budget{}}
}

// take uses one request of a caller's budget. When there is none left it
// returns how long to wait.
func (l *limits) take(caller string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	b := l.callers[caller]
	if b == nil {
		l.forget(now)
		b = &budget{Limiter: rate.NewLimiter(l.rate, l.burst)}
		l.callers[caller] = b
	}
	b.used = now
	if b.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - b.TokensAt(now)
	return time.Duration(missing / float64(l.rate) * float64(time.Second)), false
}

// forget makes room: first for those whose budget is full again, and if that is
// not enough for all, which is generous and happens only under attack.
func (l *limits) forget(now time.Time) {
	if len(l.callers) < maxBudgets {
		return
	}
	full := time.Duration(float64(l.burst) / float64(l.rate) * float64(time.Second))
	for caller, b := range l.callers {
		if now.Sub(b.used) > full {
			delete(l.callers, caller)
		}
	}
	if len(l.callers) >= maxBudgets {
		clear(l.callers)
	}
}

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
