// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"testing"

	"github.com/muster-ci/muster/core"
)

// TestTheAgentIsNotStored names files of /proc that the agent may read of itself
// and the build may not, for the agent to store them.
func TestTheAgentIsNotStored(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	_, status, out := l.job(run("mkdir lure; ln -s /proc/self/environ lure/results.xml; ln -s /proc/self lure/self"),
		artifacts("lure", ""), artifacts("/proc/self/maps", ""), testResults("lure/results.xml"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "results.xml was left out: it is no regular file", "self was left out: links to folders")
	says(t, out[2], "maps was left out: it is no regular file", "No artifact files found")
	says(t, out[3], "results.xml was left out: it is no regular file")
	for _, step := range []core.StepPlan{save("lure", "/proc/self/environ"), persist("/proc/self", "environ")} {
		_, _, out := l.job(step)
		says(t, out[0], "environ cannot be read: it is no regular file, but one of /proc")
	}
	for _, a := range l.server.Archives() {
		if a.Committed && (len(a.Commit.Entries) > 0 || a.Commit.Files > 0) {
			t.Errorf("kept: %+v", a.Commit)
		}
	}
}
