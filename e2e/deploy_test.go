// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/api"
)

// deployConfig is a job whose second task waits for a file before it ends, and
// whose first deploys into a ledger.
func deployConfig(dir string) string {
	return fmt.Sprintf(`version: 2.1
jobs:
  ship:
    machine: true
    parallelism: 2
    steps:
      - run:
          name: Work
          command: |
            echo $PPID > %[1]s/agent$CIRCLE_NODE_INDEX
            echo "node $CIRCLE_NODE_INDEX" >> %[1]s/ledger
            test "$CIRCLE_NODE_INDEX" = 0 || until test -e %[1]s/go; do sleep 0.1; done
      - deploy:
          name: Deploy
          command: echo "deployed by $CIRCLE_NODE_INDEX" >> %[1]s/ledger
workflows:
  main:
    jobs: [ship]
`, dir)
}

// TestEmbeddedDeploySurvivesAKill kills the whole platform while node 0 waits for
// the other node, which ends after that.
func TestEmbeddedDeploySurvivesAKill(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	p := e.platform()
	id := p.Trigger(t, p.Project(t, "deploy"), deployConfig(e.dir))
	p.Await(t, id, "node 0 waits", func(s scenario.State) bool { return waitsToDeploy(t, p, s) })
	e.stop(syscall.SIGKILL)
	if err := os.WriteFile(filepath.Join(e.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e.start()
	end := p.AwaitEnd(t, id)
	if job := end.Job(t, "ship"); job.Status != "success" {
		t.Errorf("the job ended with %s: %s", job.Status, job.Reason)
	}
	checkLedger(t, e.dir, "node 1", "node 0", "deployed by 0")
	out, err := p.StepOutput(t.Context(), end.Jobs[0].ID, "Deploy")
	if err != nil || !bytes.Contains(out, []byte("does not say how the other nodes are just now")) || !bytes.Contains(out, []byte("answers again")) {
		t.Errorf("the step says nothing of the outage: %q, %v", out, err)
	}
}

// TestEmbeddedDeployWithOneSlot: node 0 does not take the only slot from the node
// that it waits for.
func TestEmbeddedDeployWithOneSlot(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	p := e.platform()
	slug := p.Project(t, "slot")
	one := 1
	if _, err := p.Client.SetOrganizationSettings(t.Context(), "gh/e2e", api.OrganizationSettings{Concurrency: &one}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(e.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	end := p.AwaitEnd(t, p.Trigger(t, slug, deployConfig(e.dir)))
	if job := end.Job(t, "ship"); job.Status != "success" {
		t.Errorf("the job ended with %s: %s", job.Status, job.Reason)
	}
	text, err := os.ReadFile(filepath.Join(e.dir, "ledger"))
	if want := "node 1\nnode 0\ndeployed by 0\n"; err != nil || string(text) != want {
		t.Errorf("got %q, %v, want %q", text, err, want)
	}
}

// TestEmbeddedDeployGivesWay has node 0 wait in the only slot that is left, for a
// node that was lost and needs it: it gives the slot back, and both run once more.
func TestEmbeddedDeployGivesWay(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "", "MUSTER_DEPLOY_YIELD=2s")
	slug := o.Project(t, "gives-way")
	concurrency := func(n int) {
		t.Helper()
		if _, err := o.Platform.Client.SetOrganizationSettings(t.Context(), "gh/e2e", api.OrganizationSettings{Concurrency: &n}); err != nil {
			t.Fatal(err)
		}
	}
	concurrency(2)
	id := o.Trigger(t, slug, deployConfig(o.dir))
	job := o.Await(t, id, "node 0 waits", func(s scenario.State) bool { return waitsToDeploy(t, o.Platform, s) }).Jobs[0].ID
	concurrency(1) // the queue hears of it with the next task
	behind := o.Trigger(t, slug, "version: 2.1\njobs:\n  build:\n    machine: true\n    steps: [run: echo here]\n")
	o.Await(t, behind, "it waits for a slot", func(s scenario.State) bool {
		if len(s.Jobs) != 1 {
			return false
		}
		steps, err := o.Platform.Client.JobSteps(t.Context(), s.Jobs[0].ID)
		return err == nil && strings.Contains(steps.Reason, "runs 2 of 1")
	})
	if err := os.WriteFile(filepath.Join(o.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(readPID(t, filepath.Join(o.dir, "agent1")), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for id, name := range map[string]string{id: "ship", behind: "build"} {
		if job := o.AwaitEnd(t, id).Job(t, name); job.Status != "success" {
			t.Errorf("%s ended with %s: %s", name, job.Status, job.Reason)
		}
	}
	steps, err := o.Platform.Client.JobSteps(t.Context(), job)
	if err != nil || len(steps.Tasks) != 2 || len(steps.Tasks[0].Attempts) != 2 || len(steps.Tasks[1].Attempts) != 2 {
		t.Fatalf("got %+v, %v, want two tasks of two attempts each", steps, err)
	}
	const reason = "Node 1 was lost and has found no place to run for 2s. This node gives its own back, without having deployed"
	if first := steps.Tasks[0].Attempts[0]; first.Status != "infrastructure_fail" || !strings.Contains(first.Reason, reason) {
		t.Errorf("the first attempt of node 0: got %s (%s), want %s", first.Status, first.Reason, reason)
	}
	text, err := os.ReadFile(filepath.Join(o.dir, "ledger"))
	if err != nil || strings.Count(string(text), "deployed by 0\n") != 1 || !strings.HasSuffix(string(text), "node 1\nnode 0\ndeployed by 0\n") {
		t.Errorf("got %q, %v, want both nodes once more and one deployment", text, err)
	}
}

// waitsToDeploy tells whether node 0 of the one job is at its deploy step.
func waitsToDeploy(t *testing.T, p *scenario.Platform, s scenario.State) bool {
	if len(s.Jobs) != 1 {
		return false
	}
	out, err := p.StepOutput(t.Context(), s.Jobs[0].ID, "Deploy")
	return err == nil && bytes.Contains(out, []byte("Waiting for the other nodes of the job to end: 1 (running)"))
}

// readPID reads what a step has written of its parent, the agent.
func readPID(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 2 {
		t.Fatalf("got the process %q: %v", text, err)
	}
	return pid
}

// checkLedger asks for lines in any order, each once.
func checkLedger(t *testing.T, dir string, want ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "ledger"))
	if err != nil || bytes.Count(text, []byte("\n")) != len(want) {
		t.Errorf("got %q, %v, want %q", text, err, want)
	}
	for _, line := range want {
		if bytes.Count(text, []byte(line+"\n")) != 1 {
			t.Errorf("got %q, want %q once", text, line)
		}
	}
}
