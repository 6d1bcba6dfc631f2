// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
)

// autoRerunID is the id of the rerun that a workflow makes of itself.
func autoRerunID(id core.WorkflowID) core.WorkflowID {
	return core.WorkflowID(derive("auto-rerun", string(id), 0))
}

func flaky(id core.WorkflowID, max int) core.NewWorkflow {
	n := plan(id, build("compile"), build("test", after("compile")), build("deploy", after("test")))
	n.Plan.MaxAutoReruns = max
	return n
}

func (b *bench) count(id core.PipelineID) int {
	b.t.Helper()
	ws, err := b.svc.PipelineWorkflows(b.ctx, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(ws)
}

func TestAutoRerun(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(flaky("w", 2))
		b.report("w", "compile", core.JobSuccess)
		b.report("w", "test", core.JobFailed)
		first := autoRerunID("w")
		b.wantStatuses(first, core.WorkflowRunning, "compile=success", "test=queued", "deploy=blocked")
		if w := b.workflow(first); w.RerunOf != "w" || w.AutoRerun != 1 || w.MaxAutoReruns != 2 || w.StartedBy != "u" {
			t.Errorf("got %+v, want rerun 1 of 2 of w, by the same user", w)
		}
		if w := b.workflow("w"); w.AutoRerun != 0 || w.MaxAutoReruns != 2 || w.Status != core.WorkflowFailed {
			t.Errorf("got %+v", w)
		}
		b.report("w", "test", core.JobFailed) // repeated news
		b.deliver()
		b.report(first, "test", core.JobTimedOut)
		second := autoRerunID(first)
		b.report(second, "test", core.JobFailed)
		b.wantStatuses(second, core.WorkflowFailed, "compile=success", "test=failed", "deploy=not_run")
		if got := b.count("pipeline-1"); got != 3 {
			t.Errorf("got %d workflows, want the first and two reruns", got)
		}
		// A person's rerun is the last word.
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: second, FromFailed: true, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		b.report("r", "test", core.JobFailed)
		if got := b.count("pipeline-1"); got != 4 {
			t.Errorf("got %d workflows, want no further one after a person's rerun", got)
		}
	})
}

func TestAutoRerunIsNotForAll(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		old := flaky("old", 1)
		old.Pipeline = pipelineContext(2)
		old.Pipeline.Trigger.ReceivedAt = b.clock.Now().Add(-91 * 24 * time.Hour)
		fine := flaky("fine", 1)
		fine.Pipeline = pipelineContext(3)
		fine.Plan.Jobs = fine.Plan.Jobs[:1]
		b.create(flaky("canceled", 1), old, fine)
		b.report("canceled", "compile", core.JobRunning)
		if err := b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "canceled"}); err != nil {
			t.Fatal(err)
		}
		b.report("canceled", "compile", core.JobFailed) // faster than the cancel
		b.report("old", "compile", core.JobFailed)
		b.report("fine", "compile", core.JobSuccess)
		for _, id := range []core.PipelineID{"pipeline-1", "pipeline-2", "pipeline-3"} {
			if got := b.count(id); got != 1 {
				t.Errorf("%s has %d workflows, want the one", id, got)
			}
		}
	})
}

func TestRerunWithSSH(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("test"), approval("hold"), build("deploy", after("test"))))
		b.report("w", "test", core.JobFailed)
		if err := b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "w"}); err != nil {
			t.Fatal(err)
		}
		test, hold := b.job("w", "test").ID, b.job("w", "hold").ID
		for name, r := range map[string]core.Rerun{
			"no jobs":        {ID: "x", By: "ann", SSH: true},
			"nobody asks":    {ID: "x", Jobs: []core.JobID{test}, SSH: true},
			"nothing runs":   {ID: "x", Jobs: []core.JobID{hold}, By: "ann", SSH: true},
			"and the failed": {ID: "x", Jobs: []core.JobID{test}, FromFailed: true, By: "ann", SSH: true},
		} {
			r.Workflow = "w"
			if _, err := b.svc.RerunWorkflow(b.ctx, r); core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%s: got %v, want invalid", name, err)
			}
		}
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "w", Jobs: []core.JobID{test}, By: "ann", SSH: true}); err != nil {
			t.Fatal(err)
		}
		if spec := b.spec("r", "test"); spec.SSH == nil || spec.SSH.User != "ann" || b.job("r", "test").SSH != "ann" {
			t.Errorf("ann may not log in to the job that she asked for: %+v", spec.SSH)
		}
		b.report("r", "test", core.JobSuccess)
		if spec := b.spec("r", "deploy"); spec.SSH != nil {
			t.Errorf("ann may log in to a job that she did not ask for: %+v", spec.SSH)
		}
	})
}
