// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"testing"
)

// TestUseOfResourcesIsKept burns CPU and holds memory in a job, and asks what is
// known of it.
func TestUseOfResourcesIsKept(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	p := e.platform()
	const config = `version: 2.1
jobs:
  burn:
    machine: true
    steps:
      - run: i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done
workflows:
  main:
    jobs: [burn]
`
	end := p.AwaitEnd(t, p.Trigger(t, p.Project(t, "usage"), config))
	job := end.Job(t, "burn")
	if job.Status != "success" {
		t.Fatalf("got %s: %s", job.Status, job.Reason)
	}
	for _, w := range end.Workflows {
		used, err := p.Client.WorkflowUsage(t.Context(), w.ID)
		if err != nil || len(used) != 1 {
			t.Fatalf("got %+v, %v", used, err)
		}
		if u := used[0]; u.Name != "burn" || u.CPU.Peak <= 0 || u.Class.Name == "" || u.Class.Cores != 2 || u.Class.Memory <= 0 {
			t.Errorf("got %+v", u)
		}
	}
}
