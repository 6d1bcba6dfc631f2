// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"strings"
	"testing"

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
