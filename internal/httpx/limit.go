// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/muster-ci/muster/core"
)

// maxBudgets bounds how many callers are remembered. Forgetting one that was
// quiet costs nothing: its budget is full again by then.
const maxBudgets = 10_000

// Limits is one budget of requests per caller, per instance. Safe for
// concurrent use.
type Limits struct {
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

// NewLimits returns budgets that refill so many requests per second and hold at
// most burst.
func NewLimits(perSecond float64, burst int, clock core.Clock) *Limits {
	return &Limits{rate: rate.Limit(perSecond), burst: burst, clock: clock, callers: map[string]*budget{}}
}

// Take uses one request of a caller's budget. When there is none left it
// returns how long to wait.
func (l *Limits) Take(caller string) (wait time.Duration, ok bool) {
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
func (l *Limits) forget(now time.Time) {
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

// RetryAfter is the header's text for a wait: whole seconds, at least one.
func RetryAfter(wait time.Duration) string {
	return strconv.Itoa(int(math.Ceil(max(wait.Seconds(), 1))))
}

// RemoteHost is the address that a request came from, without the port.
func RemoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
