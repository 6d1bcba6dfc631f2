// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

func deploy(command string) core.StepPlan {
	return core.StepPlan{Kind: core.StepRun, Run: &core.RunStep{Command: command, Deploy: true}}
}

// node makes the line's tasks one of several of their job.
func (l *line) node(index, total int) {
	l.change = func(s *core.TaskSpec) { s.Index, s.Total, s.Plan.Parallelism = index, total, total }
}

// statuses are those of the steps of the plan.
func (l *line) statuses() []core.StepStatus {
	var all []core.StepStatus
	for _, e := range l.server.Events() {
		if e.Type == wire.StepEnded && e.Step >= 2 {
			all = append(all, e.StepStatus)
		}
	}
	return all
}

func sibling(index int, status core.JobStatus) core.Sibling {
	return core.Sibling{Index: index, Status: status, Attempt: 1}
}

// TestDeployOfOneOfSeveral: where the step has nothing to wait for.
func TestDeployOfOneOfSeveral(t *testing.T) {
	t.Parallel()
	failed := sibling(2, core.JobFailed)
	failed.Reason = "spec/a failed"
	for name, c := range map[string]struct {
		index, total int
		ssh          bool
		others       []core.Sibling
		want         core.StepStatus
		says         []string
	}{
		"alone":          {total: 1, want: core.StepSuccess, says: []string{"deployed"}},
		"first":          {total: 3, others: []core.Sibling{sibling(1, core.JobSuccess), sibling(2, core.JobSuccess)}, want: core.StepSuccess, says: []string{"have succeeded", "deployed"}},
		"another":        {index: 1, total: 3, want: core.StepSkipped, says: []string{"Node 0 runs this step"}},
		"one failed":     {total: 3, others: []core.Sibling{sibling(1, core.JobRunning), failed}, want: core.StepSkipped, says: []string{"Not deploying", "node 2: failed: spec/a failed"}},
		"one was killed": {total: 2, others: []core.Sibling{sibling(1, core.JobInfrastructureFail)}, want: core.StepSkipped, says: []string{"node 1: infrastructure_fail"}},
		"logged in to":   {total: 1, ssh: true, want: core.StepSkipped, says: []string{"Running in SSH mode.  Avoid deploying."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			l.server.SetSiblings(c.others...)
			l.node(c.index, c.total)
			if c.ssh {
				alone := l.change
				l.change = func(s *core.TaskSpec) {
					alone(s)
					s.SSH = &core.SSHAccess{User: "u", Idle: 1, Most: 1}
				}
			}
			_, status, out := l.job(deploy("echo deployed"), run("echo goes on"))
			if status != "success" {
				t.Fatalf("%s: %q", status, out)
			}
			text := strings.Join(out, "\n")
			says(t, text, append(c.says, "goes on")...)
			if strings.Contains(text, "deployed") != (c.want == core.StepSuccess) {
				t.Errorf("the step is to end as %s:\n%s", c.want, text)
			}
			if !strings.Contains(strings.Join(strs(l.statuses()), " "), string(c.want)) {
				t.Errorf("got %v, want one that is %s", l.statuses(), c.want)
			}
		})
	}
}

func strs(all []core.StepStatus) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}

// TestDeployWaits has the others go on one after the other, once through a try
// that was lost, while the platform is away now and then.
func TestDeployWaits(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.node(0, 3)
	again := core.Sibling{Index: 1, Status: core.JobQueued, Attempt: 2}
	moves := [][]core.Sibling{
		{sibling(1, core.JobRunning), sibling(2, core.JobQueued)},
		{again, sibling(2, core.JobQueued)},
		{again, sibling(2, core.JobSuccess)},
		{sibling(1, core.JobSuccess), sibling(2, core.JobSuccess)},
	}
	l.server.SetSiblings(moves[0]...)
	asked := 0
	l.server.SetFault(func(_ int, path string) agenttest.Fault {
		if path != wire.PathSiblings {
			return agenttest.None
		}
		asked++ // the server's lock is held
		if n := asked / 3; asked%3 == 0 && n < len(moves) {
			go l.server.SetSiblings(moves[n]...)
		}
		return []agenttest.Fault{agenttest.None, agenttest.Drop, agenttest.Unavail}[asked%3]
	})
	_, status, out := l.job(deploy("echo deployed"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[0], "Waiting for the other nodes of the job to end: 1 (running), 2 (queued)\n", "does not say how the other nodes are just now", "answers again",
		"All other nodes of the job have succeeded.\n", "deployed")
	if strings.Count(out[0], "deployed") != 1 {
		t.Errorf("it was deployed more than once:\n%s", out[0])
	}
}

// TestDeployIsCanceledWhileItWaits: the wish to stop ends the wait.
func TestDeployIsCanceledWhileItWaits(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.node(0, 2)
	l.server.SetSiblings(sibling(1, core.JobRunning))
	watched, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		err := l.server.Wait(watched, func() bool { return strings.Contains(l.server.All(), "Waiting for the other nodes") })
		if err == nil {
			l.server.Stop("canceled")
		}
	}()
	_, status, out := l.job(deploy("echo deployed"))
	if status != "canceled" || strings.Contains(out[0], "deployed") {
		t.Errorf("%s: %q", status, out)
	}
	if diff := cmp.Diff([]core.StepStatus{core.StepCanceled}, l.statuses()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// TestDeployOfAFailedNode: neither always nor on_fail makes it deploy.
func TestDeployOfAFailedNode(t *testing.T) {
	t.Parallel()
	for _, when := range []core.When{"", core.WhenAlways, core.WhenOnFail} {
		t.Run("when "+string(when), func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			l.node(0, 2)
			l.server.SetSiblings(sibling(1, core.JobSuccess))
			step := deploy("echo deployed")
			step.Run.When = when
			_, status, out := l.job(run("exit 1"), step)
			if status != "failed" || strings.Contains(strings.Join(out, ""), "deployed") {
				t.Errorf("%s: %q", status, out)
			}
		})
	}
}

// TestDeployWithoutAnAnswer: a no is not taken for a yes.
func TestDeployWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.node(0, 2)
	l.server.SetFault(func(_ int, path string) agenttest.Fault {
		if path == wire.PathSiblings {
			return agenttest.Forbid
		}
		return agenttest.None
	})
	_, status, out := l.job(deploy("echo deployed"))
	if status != "failed" || !strings.Contains(out[0], "Not deploying: the platform does not say") {
		t.Errorf("%s: %q", status, out)
	}
}

// TestDeployGivesWay: a node that was lost and finds no place gets that of the
// one that waits for it, which has deployed nothing and can be tried again.
func TestDeployGivesWay(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.node(0, 3)
	l.yield = 50 * time.Millisecond
	l.server.SetSiblings(sibling(1, core.JobRunning), core.Sibling{Index: 2, Status: core.JobQueued, Attempt: 2})
	always := run("echo not reached")
	always.Run.When = core.WhenAlways
	_, status, out := l.job(run("echo before"), deploy("echo deployed"), always)
	if status != "infrastructure_fail" || len(out) != 2 || strings.Contains(out[1], "deployed\n") {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "Waiting for the other nodes of the job to end: 1 (running), 2 (queued, attempt 2)\n",
		"Node 2 was lost and has found no place to run for 50ms. This node gives its own back, without having deployed")
	if diff := cmp.Diff([]core.StepStatus{core.StepSuccess, core.StepLost}, l.statuses()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
