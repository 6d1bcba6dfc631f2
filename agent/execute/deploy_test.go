// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-ci/muster/core"
)

// TestJudgeManyNodes: however many there are, a message stays short.
func TestJudgeManyNodes(t *testing.T) {
	t.Parallel()
	var open, broken []core.Sibling
	for i := range 1000 {
		open = append(open, core.Sibling{Index: i, Status: core.JobRunning, Attempt: 2})
		broken = append(broken, core.Sibling{Index: i, Status: core.JobTimedOut})
	}
	names, none := judge(open)
	if len(none) > 0 || !strings.HasPrefix(names, "0 (running, attempt 2), 1 (") || !strings.HasSuffix(names, ", and 980 more") {
		t.Errorf("got %q and %q", names, none)
	}
	names, lines := judge(broken)
	if names != "" || len(lines) != maxNamed+1 || lines[maxNamed] != "  and 980 more" {
		t.Errorf("got %q and %q", names, lines)
	}
}

// TestOverdue: what counts is how long there has been a node without a place, not
// how long the others run, nor how often one was lost.
func TestOverdue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &waiting{job: &job{Runner: &Runner{cfg: Config{Yield: 2 * time.Minute}}}}
		running := core.Sibling{Index: 1, Status: core.JobRunning, Attempt: 2}
		queued := core.Sibling{Index: 2, Status: core.JobQueued, Attempt: 2}
		for i, step := range []struct {
			after    time.Duration
			siblings []core.Sibling
			overdue  bool
			patience time.Duration
		}{
			{0, []core.Sibling{running}, false, core.MaxSiblingWait},
			{time.Hour, []core.Sibling{running, queued}, false, core.MaxSiblingWait},
			{110 * time.Second, []core.Sibling{running, queued}, false, 10 * time.Second},
			{9 * time.Second, []core.Sibling{running, running}, false, core.MaxSiblingWait},
			{time.Second, []core.Sibling{running, queued}, false, core.MaxSiblingWait},
			{110 * time.Second, []core.Sibling{queued}, false, 10 * time.Second},
			{10 * time.Second, []core.Sibling{queued}, true, time.Millisecond},
		} {
			time.Sleep(step.after)
			node, overdue := w.overdue(step.siblings)
			if overdue != step.overdue || overdue && node != 2 {
				t.Errorf("step %d: got node %d, %v", i, node, overdue)
			}
			if got := w.patience(); got != step.patience {
				t.Errorf("step %d: the next question waits for %s, want %s", i, got, step.patience)
			}
		}
	})
}
