// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/api"
)

// testClientDrained takes the second client out of service while builds run on
// it, three times: without hurry, with enough time, and with too little.
func testClientDrained(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	withSecondClient(t, c)
	t.Run("in time", func(t *testing.T) { testDrainedInTime(t, c, p) })
	t.Run("too late", func(t *testing.T) { testDrainedTooLate(t, c, p) })
}

// testDrainedInTime makes the client ineligible, then drains it with a deadline
// that the build does not need: the build ends where it began, in its first
// attempt, and what comes after runs elsewhere.
func testDrainedInTime(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	slug := p.Project(t, "drained")
	b := startLongBuild(t, p)
	toFirst(t, c, p, b.job)
	if err := c.Eligible(t.Context(), cluster.SecondClient, false); err != nil {
		t.Fatal(err)
	}
	elsewhere(t, c, p, slug)
	if err := c.Drain(t.Context(), cluster.SecondClient, 4*time.Minute); err != nil {
		t.Fatal(err)
	}
	elsewhere(t, c, p, slug)
	b.arrives(t, p, b.lines(t))
	b.end(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.AwaitDrained(ctx, cluster.SecondClient); err != nil {
		t.Errorf("the drain ends with the build: %v", err)
	}
}

// testDrainedTooLate drains with a deadline that is too short for the build. It
// ends there as the infrastructure's failure, in Nomad's words, and runs once
// more on the other client.
func testDrainedTooLate(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	const lines = 6000
	if err := c.Undrain(t.Context(), cluster.SecondClient); err != nil {
		t.Fatal(err)
	}
	if err := c.Eligible(t.Context(), cluster.FirstClient, false); err != nil {
		t.Fatal(err)
	}
	ledger := filepath.Join(t.TempDir(), "ledger")
	id := p.Trigger(t, p.Project(t, "drained-late"), knownOutput(ledger, 1, lines))
	job := awaitLine(t, p, id, "line 100 ").Jobs[0].ID
	toFirst(t, c, p, job)
	if err := c.Drain(t.Context(), cluster.SecondClient, time.Second); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	end := p.AwaitEnd(t, id)
	t.Logf("the workflow ended %.1f s after the drain began", time.Since(began).Seconds())
	checkOutputs(t, p, end, 1, lines)
	checkRuns(t, end, ledger, 2)
	checkAgain(t, p, job, cluster.SecondClient, "alloc is being migrated", "drained")
}

// toFirst lets the first client have what comes next. The job is one that runs on
// the second one.
func toFirst(t *testing.T, c *cluster.Cluster, p *scenario.Platform, job string) {
	t.Helper()
	checkNode(t, c, p, job, cluster.SecondClient)
	if err := c.Eligible(t.Context(), cluster.FirstClient, true); err != nil {
		t.Fatal(err)
	}
}

// awaitLine waits until the one job of a build with known output runs and shows
// a line.
func awaitLine(t *testing.T, p *scenario.Platform, id, line string) scenario.State {
	t.Helper()
	return p.Await(t, id, "its output has "+line, func(s scenario.State) bool {
		if running(s) != 1 {
			return false
		}
		out, err := p.StepOutput(t.Context(), s.Jobs[0].ID, "Known output")
		return err == nil && bytes.Contains(out, []byte(line))
	})
}

// elsewhere runs a small build and asks that the first client gets it. It looks
// while the build runs: Nomad forgets an allocation with its purged job.
func elsewhere(t *testing.T, c *cluster.Cluster, p *scenario.Platform, slug string) {
	t.Helper()
	seen := filepath.Join(t.TempDir(), "seen")
	id := p.Trigger(t, slug, fmt.Sprintf(untilSeen, seen))
	job := p.Await(t, id, "the small build runs", func(s scenario.State) bool { return running(s) == 1 }).Jobs[0].ID
	checkNode(t, c, p, job, cluster.FirstClient)
	if err := os.WriteFile(seen, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := p.AwaitEnd(t, id).Job(t, "build"); got.Status != "success" {
		t.Fatalf("the small build: got %s (%s), want success", got.Status, got.Reason)
	}
}

// untilSeen is a build that runs until a file is there.
const untilSeen = "version: 2.1\njobs:\n  build:\n    machine: true\n    steps:\n      - run: until [ -e %s ]; do sleep 0.1; done\n"

// checkNode asks where the last attempt of a job runs.
func checkNode(t *testing.T, c *cluster.Cluster, p *scenario.Platform, job, want string) {
	t.Helper()
	attempts := attemptsOf(t, p, job)
	got, err := c.NodeOf(t.Context(), attempts[len(attempts)-1].ID)
	if err != nil || got != want {
		t.Fatalf("the attempt is on %q (%v), want %s", got, err, want)
	}
}

func attemptsOf(t *testing.T, p *scenario.Platform, job string) []api.AttemptSteps {
	t.Helper()
	steps, err := p.Client.JobSteps(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps.Tasks) != 1 || len(steps.Tasks[0].Attempts) == 0 {
		t.Fatalf("got %+v, want one task with attempts", steps)
	}
	return steps.Tasks[0].Attempts
}

// checkAgain asks that a job had two attempts: one that the infrastructure
// ended, with these words in its reason and what it wrote until then, and a good
// one.
func checkAgain(t *testing.T, p *scenario.Platform, job string, words ...string) {
	t.Helper()
	attempts := attemptsOf(t, p, job)
	if len(attempts) != 2 {
		t.Fatalf("got %+v, want two attempts", attempts)
	}
	first, second := attempts[0], attempts[1]
	if first.Status != "infrastructure_fail" || second.Status != "success" {
		t.Errorf("got the attempts %s and %s, want infrastructure_fail and success", first.Status, second.Status)
	}
	t.Logf("attempt 1: %s", first.Reason)
	for _, want := range words {
		if !strings.Contains(first.Reason, want) {
			t.Errorf("attempt 1: got the reason %q, want %q in it", first.Reason, want)
		}
	}
	if step := lastStep(first); step.Name != "Known output" || step.Status != "infrastructure_fail" || step.Bytes == 0 {
		t.Errorf("attempt 1: got the last step %+v, want the one that was ended, with what it wrote", step)
	}
}
