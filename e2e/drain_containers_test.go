// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
)

// withService is a config whose job has a service container, which it asks when
// it has written all of its known output.
const withService = `version: 2.1
jobs:
  job0:
    docker:
      - image: muster-busybox:local
      - image: muster-busybox:local
        name: greeter
        command: ["sh", "-c", "mkdir -p /www && echo from the service > /www/index.html && exec httpd -f -p 8000 -h /www"]
    resource_class: small
    steps:
      - run:
          name: Known output
          command: |
            i=0
            until [ %s ]; do
              for n in 1 2 3 4 5; do
                printf '%%s line %%d of known output, forty-two bytes of it or more\n' "$CIRCLE_JOB" $i
                i=$((i + 1))
              done
              sleep 0.02
            done
            echo $i > /tmp/count
      - run: { name: Count, command: cat /tmp/count }
      - run: { name: Ask, command: wget -q -O - http://greeter:8000/ }
workflows:
  main:
    jobs: [job0]
`

// testContainersDrained does to a job of several containers what the other parts
// of ClientDrained do to the machine executor: it ends where it began when the
// deadline lets it, with its service there to the end, and runs again elsewhere,
// services and all, when not. Nothing of it is left on the drained client.
func testContainersDrained(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	startSecond(t, c, true)
	eligible(t, c, cluster.FirstClient, false)
	t.Run("in time", func(t *testing.T) { testContainersInTime(t, c, p) })
	must(t, c.Undrain(t.Context(), cluster.SecondClient))
	eligible(t, c, cluster.FirstClient, false)
	t.Run("too late", func(t *testing.T) { testContainersTooLate(t, c, p) })
}

func testContainersInTime(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	slug := p.Project(t, "containers-drained")
	id := p.Trigger(t, slug, fmt.Sprintf(withService, "-e /tmp/stop"))
	job := awaitLine(t, p, id, "line 100 ").Jobs[0].ID
	toFirst(t, c, p, job)
	must(t, c.Drain(t.Context(), cluster.SecondClient, 4*time.Minute))
	elsewhere(t, c, p, slug)
	n, err := c.Exec(t.Context(), "agent", "touch", "/tmp/stop")
	if err != nil || n != 1 {
		t.Fatalf("told %d containers to end, want that of the build: %v", n, err)
	}
	end := p.AwaitEnd(t, id)
	checkOutputs(t, p, end, 1, wrote(t, p, job))
	checkAsked(t, p, job)
	if n := len(attemptsOf(t, p, job)); n != 1 {
		t.Errorf("it took %d attempts, want 1", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.AwaitDrained(ctx, cluster.SecondClient); err != nil {
		t.Errorf("the drain ends with the build: %v", err)
	}
	noContainers(t, c)
}

func testContainersTooLate(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	const lines = 4000
	id := p.Trigger(t, p.Project(t, "containers-drained-late"), fmt.Sprintf(withService, fmt.Sprintf("$i -ge %d", lines)))
	job := awaitLine(t, p, id, "line 100 ").Jobs[0].ID
	toFirst(t, c, p, job)
	must(t, c.Drain(t.Context(), cluster.SecondClient, time.Second))
	end := p.AwaitEnd(t, id)
	checkOutputs(t, p, end, 1, lines)
	checkAsked(t, p, job)
	checkAgain(t, p, job, cluster.SecondClient, "alloc is being migrated", "drained")
	noContainers(t, c)
}

// wrote is how many lines a job of withService says that it has written.
func wrote(t *testing.T, p *scenario.Platform, job string) int {
	t.Helper()
	out, err := p.StepOutput(t.Context(), job, "Count")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || n < 100 {
		t.Fatalf("the build says that it wrote %q lines: %v", out, err)
	}
	return n
}

// checkAsked asks that the service answered when all else had been done.
func checkAsked(t *testing.T, p *scenario.Platform, job string) {
	t.Helper()
	if out, err := p.StepOutput(t.Context(), job, "Ask"); err != nil || string(out) != "from the service\n" {
		t.Errorf("the service said %q, %v", out, err)
	}
}

// noContainers waits until no container of a build runs on the machine.
func noContainers(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, task := range []string{"agent", "service"} {
		if err := c.AwaitStopped(ctx, task); err != nil {
			t.Error(err)
		}
	}
}
