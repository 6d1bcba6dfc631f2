// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
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
	p.Await(t, id, "node 0 waits", func(s scenario.State) bool {
		if len(s.Jobs) != 1 {
			return false
		}
		out, err := p.StepOutput(t.Context(), s.Jobs[0].ID, "Deploy")
		return err == nil && bytes.Contains(out, []byte("Waiting for the other nodes of the job to end: 1 (running)"))
	})
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
