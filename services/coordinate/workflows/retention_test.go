// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// pass lets time go by.
func (b *bench) pass(d time.Duration) {
	b.clock.mu.Lock()
	defer b.clock.mu.Unlock()
	b.clock.now = b.clock.now.Add(d)
}

// rows counts the rows of every table that grows with workflows.
func (b *bench) rows() map[string]int {
	b.t.Helper()
	counts := map[string]int{}
	for _, table := range []string{"pipelines", "workflows", "jobs", "job_plans", "tasks", "task_handovers"} {
		n, err := b.svc.db.NewSelect().TableExpr(table).Count(b.ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		if n > 0 {
			counts[table] = int(n)
		}
	}
	return counts
}

func (b *bench) house() {
	b.t.Helper()
	if err := b.svc.expireApprovals(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	if err := b.svc.forget(b.ctx); err != nil {
		b.t.Fatal(err)
	}
}

const day = 24 * time.Hour

func TestOldWorkflowsAreRemoved(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		endedWorkflow(b)
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "w", FromFailed: true}); err != nil {
			t.Fatal(err)
		}
		before := b.rows()
		b.pass(200 * day)
		b.house()
		if diff := cmp.Diff(before, b.rows()); diff != "" {
			t.Errorf("a pipeline with an open workflow lost rows (-before +after):\n%s", diff)
		}
		if err := b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "r"}); err != nil {
			t.Fatal(err)
		}
		b.deliver()
		b.report("r", "lint", core.JobCanceled)
		other := plan("other", build("a"))
		other.Pipeline = pipelineContext(2)
		b.create(other)
		b.deliver()
		b.pass(179 * day)
		b.house()
		b.workflow("w") // still there: the last of them ended 179 days ago
		b.pass(2 * day)
		b.house()
		for _, id := range []core.WorkflowID{"w", "r"} {
			_, err := b.svc.Workflow(b.ctx, id)
			wantCode(t, err, core.CodeNotFound)
		}
		want := map[string]int{"pipelines": 1, "workflows": 1, "jobs": 1, "job_plans": 1, "tasks": 1}
		if diff := cmp.Diff(want, b.rows()); diff != "" {
			t.Errorf("rows of the running pipeline and no others (-want +got):\n%s", diff)
		}
		b.report("other", "a", core.JobRunning, core.JobSuccess)
		b.pass(181 * day)
		b.house()
		if left := b.rows(); len(left) != 0 {
			t.Errorf("at last: %v, want nothing", left)
		}
	})
}

// A workflow can have ended while the queue has not heard of a cancel yet.
func TestNothingIsRemovedThatTheQueueHasToHear(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("a")))
		b.deliver()
		b.report("w", "a", core.JobRunning)
		if err := b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "w"}); err != nil {
			t.Fatal(err)
		}
		b.report("w", "a", core.JobSuccess)
		b.pass(181 * day)
		b.house()
		b.workflow("w")
		b.deliver()
		b.house()
		_, err := b.svc.Workflow(b.ctx, "w")
		wantCode(t, err, core.CodeNotFound)
	})
}

func TestMarksOfCanceledPipelinesAreRemoved(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		if err := b.svc.CancelPipelineWorkflows(b.ctx, "never"); err != nil {
			t.Fatal(err)
		}
		b.pass(179 * day)
		b.house()
		if got := b.rows()["pipelines"]; got != 1 {
			t.Errorf("got %d marks after 179 days, want 1", got)
		}
		b.pass(2 * day)
		b.house()
		if left := b.rows(); len(left) != 0 {
			t.Errorf("after 181 days: %v, want nothing", left)
		}
	})
}

func TestApprovalsExpire(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("a"), approval("hold", after("a")), build("b", after("hold"))))
		b.deliver()
		b.pass(80 * day) // blocked time does not count
		b.report("w", "a", core.JobRunning, core.JobSuccess)
		b.pass(89 * day)
		b.house()
		b.wantStatuses("w", core.WorkflowOnHold, "a=success", "hold=on_hold", "b=blocked")
		b.pass(2 * day)
		b.house()
		b.wantStatuses("w", core.WorkflowCanceled, "a=success", "hold=canceled", "b=not_run")
		if reason := b.job("w", "hold").Reason; !strings.Contains(reason, "within 90 days and has expired") {
			t.Errorf("got reason %q", reason)
		}
		err := b.svc.Approve(b.ctx, core.Approval{Workflow: "w", Request: b.job("w", "hold").ApprovalRequest})
		wantCode(t, err, core.CodeConflict)
	})
}

func TestForEver(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.svc.cfg.Keep, b.svc.cfg.ApprovalTimeout = 0, 0
		b.create(plan("w", approval("hold")))
		ended := plan("x", noop("n"))
		ended.Pipeline = pipelineContext(2)
		b.create(ended)
		b.pass(10000 * day)
		b.house()
		b.wantStatuses("w", core.WorkflowOnHold, "hold=on_hold")
		b.wantStatuses("x", core.WorkflowSuccess, "n=success")
	})
}
