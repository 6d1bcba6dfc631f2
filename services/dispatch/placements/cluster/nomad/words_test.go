// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

func TestTail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x\n", 30)
	for text, want := range map[string]string{"": "", "a\n": "a\n", "a\nb": "a\nb", long + "end\n": strings.Repeat("x\n", lastLines-1) + "end\n"} {
		if got := tail(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// testLastWords has a service container end while another goes on.
func testLastWords(t *testing.T, c *Cluster) {
	sh := []string{"/bin/sh", "-c"}
	p := dockerPlacement("exec sleep 600",
		core.DockerImage{Image: clustertest.Image, Entrypoint: sh, Command: []string{"echo starting; echo no disk left >&2; exit 3"}},
		core.DockerImage{Image: clustertest.Image, Entrypoint: sh, Command: []string{"echo fine; exec sleep 600"}})
	submit(t, c, p)
	listed(t, c, p.Attempt.ID, "running", func(a cluster.Allocation) bool { return a.State == cluster.Running })
	var found cluster.Allocation
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var err error
		if found, err = c.Find(t.Context(), p.Attempt.ID); err != nil {
			t.Fatal(err)
		}
		if found.Containers[1].Output != "" {
			break
		}
	}
	dead, fine := found.Containers[1], found.Containers[2]
	if dead.Exit == nil || *dead.Exit != 3 || !strings.Contains(dead.Output, "starting") || !strings.Contains(dead.Output, "no disk left") {
		t.Errorf("the one that ended: got %+v, want exit status 3 and its last lines", dead)
	}
	if fine.Exit != nil || fine.Output != "" {
		t.Errorf("the one that runs: got %+v", fine)
	}
}
