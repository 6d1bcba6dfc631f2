// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// endedWorkflow makes the workflow "w": lint failed, everything else followed.
func endedWorkflow(b *bench) {
	b.t.Helper()
	b.create(plan("w",
		build("compile"), build("lint"),
		build("test", after("compile")),
		build("notify", after("lint", core.JobFailed)),
		build("deploy", after("test"), after("lint")),
	))
	b.deliver()
	b.report("w", "compile", core.JobRunning, core.JobSuccess)
	b.report("w", "lint", core.JobRunning, core.JobFailed)
	b.deliver()
	b.report("w", "test", core.JobRunning, core.JobSuccess)
	b.report("w", "notify", core.JobRunning, core.JobSuccess)
	b.wantStatuses("w", core.WorkflowFailed, "compile=success", "lint=failed", "test=success", "notify=success", "deploy=not_run")
}

func TestRerunFromStart(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		endedWorkflow(b)
		r := core.Rerun{ID: "r", Workflow: "w", By: "ann"}
		w, err := b.svc.RerunWorkflow(b.ctx, r)
		if err != nil || w.RerunOf != "w" || w.StartedBy != "ann" || w.Status != core.WorkflowRunning || w.Name != "main" {
			t.Fatalf("got %+v, %v", w, err)
		}
		b.wantStatuses("r", core.WorkflowRunning, "compile=queued", "lint=queued", "test=blocked", "notify=blocked", "deploy=blocked")
		again, err := b.svc.RerunWorkflow(b.ctx, r)
		if diff := cmp.Diff(w, again); diff != "" || err != nil {
			t.Errorf("the second call: %v %s", err, diff)
		}
		_, err = b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "w", Workflow: "r"})
		wantCode(t, err, core.CodeConflict)
		if got := b.job("r", "compile").Number; got != 5 {
			t.Errorf("got number %d for a repeated job, want a new one, 5", got)
		}
		// The old one is as it was.
		b.wantStatuses("w", core.WorkflowFailed, "compile=success", "lint=failed", "test=success", "notify=success", "deploy=not_run")
	})
}

func TestRerunFromFailed(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		endedWorkflow(b)
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "w", FromFailed: true}); err != nil {
			t.Fatal(err)
		}
		b.wantStatuses("r", core.WorkflowRunning, "compile=success", "lint=queued", "test=success", "notify=success", "deploy=blocked")
		old, kept := b.job("w", "compile"), b.job("r", "compile")
		if kept.Number != old.Number || len(kept.Tasks) != 1 || kept.Tasks[0].ID != old.Tasks[0].ID || kept.StoppedAt == nil || !kept.StoppedAt.Equal(*old.StoppedAt) {
			t.Errorf("got kept job %+v of %+v", kept, old)
		}
		byNumber, err := b.svc.JobByNumber(b.ctx, core.JobRef{Project: "p", Number: old.Number})
		if err != nil || byNumber.ID != old.ID {
			t.Errorf("got %s (%v) by number, want the job that ran", byNumber.ID, err)
		}
		b.deliver()
		b.report("r", "lint", core.JobRunning, core.JobSuccess)
		b.deliver()
		b.wantStatuses("r", core.WorkflowRunning, "compile=success", "lint=success", "test=success", "notify=success", "deploy=queued")
		b.report("r", "deploy", core.JobSuccess)
		b.wantStatuses("r", core.WorkflowSuccess, "compile=success", "lint=success", "test=success", "notify=success", "deploy=success")
		_, err = b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r2", Workflow: "r", FromFailed: true})
		wantCode(t, err, core.CodeConflict)
		if order, _ := b.queue.snapshot(); len(order) != 6 {
			t.Errorf("the queue has had %d tasks, want 4 and 2", len(order))
		}
	})
}

func TestRerunSingleJobs(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		endedWorkflow(b)
		id := func(name string) core.JobID { return b.job("w", name).ID }
		for name, c := range map[string]struct {
			rerun core.Rerun
			code  core.Code
		}{
			"both":       {core.Rerun{ID: "x", FromFailed: true, Jobs: []core.JobID{id("lint")}}, core.CodeInvalid},
			"no id":      {core.Rerun{Jobs: []core.JobID{id("lint")}}, core.CodeInvalid},
			"not ours":   {core.Rerun{ID: "x", Jobs: []core.JobID{"nobody"}}, core.CodeInvalid},
			"impossible": {core.Rerun{ID: "x", Jobs: []core.JobID{id("deploy")}}, core.CodeConflict},
		} {
			c.rerun.Workflow = "w"
			if _, err := b.svc.RerunWorkflow(b.ctx, c.rerun); core.ErrorCode(err) != c.code {
				t.Errorf("%s: got %v, want code %s", name, err, c.code)
			}
		}
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "w", Jobs: []core.JobID{id("lint")}}); err != nil {
			t.Fatal(err)
		}
		b.wantStatuses("r", core.WorkflowRunning, "compile=success", "lint=queued", "test=success", "notify=blocked", "deploy=blocked")
		b.deliver()
		b.report("r", "lint", core.JobSuccess)
		b.deliver()
		b.report("r", "deploy", core.JobSuccess)
		b.wantStatuses("r", core.WorkflowSuccess, "compile=success", "lint=success", "test=success", "notify=not_run", "deploy=success")
		// A kept job stays what it was, also a failed one.
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r2", Workflow: "w", Jobs: []core.JobID{id("test")}}); err != nil {
			t.Fatal(err)
		}
		b.report("r2", "test", core.JobSuccess)
		b.wantStatuses("r2", core.WorkflowFailed, "compile=success", "lint=failed", "test=success", "notify=success", "deploy=not_run")
	})
}

func TestSetupWorkflowsAreNotRepeated(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		first := plan("w", build("decide"))
		first.Setup = true
		b.create(first, plan("v", build("build")))
		for _, id := range []core.WorkflowID{"w", "v"} {
			name := map[core.WorkflowID]string{"w": "decide", "v": "build"}[id]
			specs, err := b.svc.TaskSpecs(b.ctx, []core.TaskID{b.job(id, name).Tasks[0].ID})
			if err != nil || specs[0].Setup != (id == "w") {
				t.Fatalf("task of %s: %+v, %v", id, specs, err)
			}
			b.deliver()
			b.report(id, name, core.JobFailed)
		}
		_, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "w", FromFailed: true})
		if core.ErrorCode(err) != core.CodeConflict || !strings.Contains(err.Error(), "setup workflow") {
			t.Errorf("got %v", err)
		}
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "v"}); err != nil {
			t.Errorf("the workflow of the continuation: %v", err)
		}
	})
}
