// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// steady returns a clock that begins at a time and goes on by elapsed alone.
// What a build shows is told by it: a client's clock that is wrong, or set while
// the build runs, neither dates a step before it began nor ends one early.
func steady(begin time.Time, elapsed func() time.Duration) core.Clock {
	begin = begin.Round(0) // without a monotonic part, which Add would keep
	return func() time.Time { return begin.Add(elapsed()) }
}

// monotonic counts from its call on.
func monotonic() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

// follow makes the platform's time of the claim's answer that of the agent. A
// platform that does not tell it leaves the client's own.
func (a *Agent) follow(now time.Time) {
	if now.IsZero() {
		now = a.deps.Clock()
	}
	a.deps.Clock = steady(now, a.deps.Elapsed())
}
