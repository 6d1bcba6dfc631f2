// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/api"
)

// testClientLost has a build run on a second client, and takes that away with
// everything on it. The build runs again on the first one, its output is whole,
// and what Nomad said of the loss stays with the first attempt.
func testClientLost(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	const lines = 4000
	ledger := filepath.Join(t.TempDir(), "ledger")
	withSecondClient(t, c)
	id := p.Trigger(t, p.Project(t, "client-lost"), knownOutput(ledger, 1, lines))
	seen := awaitLine(t, p, id, "line 100 ")
	if err := c.Eligible(t.Context(), cluster.FirstClient, true); err != nil {
		t.Fatal(err)
	}
	if err := c.LoseSecond(); err != nil {
		t.Fatal(err)
	}
	lost := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := c.AwaitNode(ctx, cluster.SecondClient, "down"); err != nil {
		t.Fatal(err)
	}
	end := p.AwaitEnd(t, id)
	t.Logf("the workflow ended %.1f s after the loss", time.Since(lost).Seconds())
	checkOutputs(t, p, end, 1, lines)
	checkRuns(t, end, ledger, 2)
	checkAgain(t, p, seen.Jobs[0].ID, cluster.SecondClient+" was lost", "alloc is lost since its node is down")
}

// withSecondClient puts the second client, without Docker, in the first one's
// place until the test ends.
func withSecondClient(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	startSecond(t, c, false)
	eligible(t, c, cluster.FirstClient, false)
}

// startSecond has a second client until the test ends. Then the first one takes
// all.
func startSecond(t *testing.T, c *cluster.Cluster, docker bool) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Eligible(ctx, cluster.FirstClient, true); err != nil {
			t.Error(err)
		}
		if err := c.ForgetSecond(ctx); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	if err := c.StartSecond(ctx, docker); err != nil {
		t.Fatal(err)
	}
}

func eligible(t *testing.T, c *cluster.Cluster, client string, may bool) {
	t.Helper()
	if err := c.Eligible(t.Context(), client, may); err != nil {
		t.Fatal(err)
	}
}

func lastStep(a api.AttemptSteps) api.Step {
	if len(a.Steps) == 0 {
		return api.Step{}
	}
	return a.Steps[len(a.Steps)-1]
}

// noRoom is what Nomad says; which dimension it names depends on the machine.
var noRoom = regexp.MustCompile(`resources exhausted on 1 nodes; dimension "(cpu|memory)" exhausted on 1 nodes`)

// tooLarge is a job that does not fit on the cluster's client.
const tooLarge = `version: 2.1
jobs:
  build:
    docker:
      - image: muster-busybox:local
    resource_class: 2xlarge+
    steps:
      - run: echo never
`

// testNoPlacement has a job wait for a client that is large enough. It says so
// in Nomad's words while it waits, and can be cancelled.
func testNoPlacement(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	slug := p.Project(t, "no-placement")
	id := p.Trigger(t, slug, tooLarge)
	var told api.JobSteps
	waiting := p.Await(t, id, "it says why it is not placed", func(s scenario.State) bool {
		if len(s.Jobs) != 1 || s.Jobs[0].Status != "queued" {
			return false
		}
		var err error
		told, err = p.Client.JobSteps(t.Context(), s.Jobs[0].ID)
		return err == nil && strings.Contains(told.Reason, "Nomad cannot place it")
	})
	t.Logf("waits: %s", told.Reason)
	if !noRoom.MatchString(told.Reason) {
		t.Errorf("got the reason %q, want Nomad's words for want of room", told.Reason)
	}
	if len(told.Tasks) != 1 || told.Tasks[0].Reason != told.Reason {
		t.Errorf("got the tasks %+v, want one with the job's reason", told.Tasks)
	}
	if err := p.Client.CancelJob(t.Context(), waiting.Jobs[0].ID); err != nil {
		t.Fatal(err)
	}
	end := p.AwaitEnd(t, id)
	if got := end.Job(t, "build"); got.Status != "canceled" {
		t.Errorf("got %s (%s), want canceled", got.Status, got.Reason)
	}
	testNoOrphans(t, c, p)
}
