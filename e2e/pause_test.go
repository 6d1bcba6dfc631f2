// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
)

// untilStopped is a build with known output that says which process it is and,
// when it is told to end, how much it has written.
const untilStopped = `version: 2.1
jobs:
  job0:
    machine: true
    steps:
      - run:
          name: Known output
          shell: /bin/bash -e
          command: |
            echo "$CIRCLE_JOB" >> %[1]s/ledger
            echo $$ >> %[1]s/pids
            i=0
            until [ -e %[1]s/stop ]; do
              for n in 1 2 3 4 5; do
                printf '%%s line %%d of known output, forty-two bytes of it or more\n' "$CIRCLE_JOB" $i
                i=$((i + 1))
              done
              sleep 0.05
            done
            echo $i > count
      - run: { name: Count, command: cat count }
workflows:
  main:
    jobs: [job0]
`

// testClientPaused stops a client's agent for longer than Nomad waits for a sign
// of it. Nomad takes it for lost, while what it runs does not: the build that goes
// on there is ended, so that only its next attempt has a say, and the client does
// no harm when it is back.
func testClientPaused(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	withSecondClient(t, c)
	dir := t.TempDir()
	stop := func() { must(t, os.WriteFile(filepath.Join(dir, "stop"), nil, 0o644)) }
	t.Cleanup(stop)
	id := p.Trigger(t, p.Project(t, "client-paused"), fmt.Sprintf(untilStopped, dir))
	job := awaitLine(t, p, id, "line 100 ").Jobs[0].ID
	toFirst(t, c, p, job)
	goOn, err := c.PauseSecond()
	must(t, err)
	awaitNode(t, c, "down")
	p.Await(t, id, "it runs elsewhere", func(s scenario.State) bool {
		steps, err := p.Client.JobSteps(t.Context(), job)
		return err == nil && len(steps.Tasks) == 1 && len(steps.Tasks[0].Attempts) == 2 && lastStep(steps.Tasks[0].Attempts[1]).Bytes > 0
	})
	first := pids(t, dir)[0]
	p.Await(t, id, "its first attempt is ended", func(scenario.State) bool { return syscall.Kill(first, 0) != nil })
	must(t, goOn())
	awaitNode(t, c, "ready")
	awaitLine(t, p, id, "line 100 ")
	stop()
	end := p.AwaitEnd(t, id)
	checkOutputs(t, p, end, 1, wrote(t, p, job))
	checkRuns(t, end, filepath.Join(dir, "ledger"), 2)
	attempts := attemptsOf(t, p, job)
	if len(attempts) != 2 || attempts[0].Status != "infrastructure_fail" || !strings.Contains(attempts[0].Reason, cluster.SecondClient+" was lost") {
		t.Errorf("got %+v, want a lost attempt and a good one", attempts)
	}
}

func awaitNode(t *testing.T, c *cluster.Cluster, status string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must(t, c.AwaitNode(ctx, cluster.SecondClient, status))
}

// pids are the processes of a build's attempts, in their order.
func pids(t *testing.T, dir string) (all []int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pids"))
	must(t, err)
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil || pid < 2 {
			t.Fatalf("got the processes %q", text)
		}
		all = append(all, pid)
	}
	return all
}
