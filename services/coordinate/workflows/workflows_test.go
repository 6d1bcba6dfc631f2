// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// each runs a story on both databases.
func each(t *testing.T, story func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, "workflows", func(t *testing.T, open func() *store.DB) { story(t, newBench(t, open())) })
}

func (b *bench) wantStatuses(id core.WorkflowID, status core.WorkflowStatus, jobs ...string) {
	b.t.Helper()
	if got := b.workflow(id).Status; got != status {
		b.t.Errorf("got workflow %s, want %s", got, status)
	}
	if diff := cmp.Diff(jobs, b.statuses(id)); diff != "" {
		b.t.Error(diff)
	}
}

func TestFanOutFanIn(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("a"), build("b", after("a")), build("c", after("a")), build("d", after("b"), after("c"))))
		b.wantStatuses("w", core.WorkflowRunning, "a=queued", "b=blocked", "c=blocked", "d=blocked")
		b.deliver()
		b.report("w", "a", core.JobRunning, core.JobSuccess)
		b.wantStatuses("w", core.WorkflowRunning, "a=success", "b=queued", "c=queued", "d=blocked")
		b.deliver()
		b.report("w", "b", core.JobRunning, core.JobSuccess)
		b.report("w", "c", core.JobRunning)
		if got := b.job("w", "d").Reason; got != "waits for c" {
			t.Errorf("got reason %q", got)
		}
		b.report("w", "c", core.JobSuccess)
		b.deliver()
		b.report("w", "d", core.JobSuccess)
		b.wantStatuses("w", core.WorkflowSuccess, "a=success", "b=success", "c=success", "d=success")
		w := b.workflow("w")
		if w.StoppedAt == nil || w.ProjectSlug != "gh/acme/site" || w.StartedBy != "u" || w.PipelineNumber != 1 {
			t.Errorf("got %+v", w)
		}
		d := b.job("w", "d")
		want := []core.JobID{b.job("w", "b").ID, b.job("w", "c").ID}
		if diff := cmp.Diff(want, d.Dependencies); diff != "" {
			t.Error(diff)
		}
		if d.Number != 4 || d.QueuedAt == nil || d.StartedAt == nil || d.StoppedAt == nil || len(d.Tasks) != 1 {
			t.Errorf("got %+v", d)
		}
		byNumber, err := b.svc.JobByNumber(b.ctx, core.JobRef{Project: "p", Number: 4})
		if err != nil || byNumber.ID != d.ID {
			t.Errorf("got job %s (%v), want %s", byNumber.ID, err, d.ID)
		}
	})
}

func TestQueueHearsWhatItNeeds(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := build("a")
		p.Parallelism = 3
		b.create(plan("w", p))
		b.create(plan("w", p)) // the answer was lost
		b.deliver()
		order, _ := b.queue.snapshot()
		if len(order) != 3 {
			t.Fatalf("the queue has %d tasks, want 3", len(order))
		}
		want := core.QueuedTask{
			ID: order[0], Organization: "o", Project: "p", Concurrency: 7,
			Executor: core.ExecutorMachine, ResourceClass: "small",
		}
		if diff := cmp.Diff(want, b.queue.tasks[order[0]]); diff != "" {
			t.Error(diff)
		}
		specs, err := b.svc.TaskSpecs(b.ctx, order)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range specs {
			if s.Task != order[i] || s.Total != 3 || s.Number != 1 || s.WorkflowName != "main" ||
				s.Pipeline.Project.Name != "site" || len(s.Plan.Steps) != 1 || s.Plan.Requires != nil {
				t.Errorf("got spec %+v", s)
			}
		}
		_, err = b.svc.TaskSpecs(b.ctx, append(order, "nobody"))
		wantCode(t, err, core.CodeNotFound)
		j := b.job("w", "a")
		if j.Reason != "no room in the pool" || j.Tasks[2].Reason != "no room in the pool" {
			t.Errorf("got %+v, want every waiting task to say why", j)
		}
		if jobs := b.jobs("w"); jobs[0].Reason != "no room in the pool" {
			t.Errorf("got reason %q in the list", jobs[0].Reason)
		}
		b.queue.fault = func(string) (error, error) { return errAway, nil }
		if jobs := b.jobs("w"); len(jobs) != 1 || jobs[0].Reason != "" {
			t.Errorf("got %+v while the queue is away, want the list without reasons", jobs)
		}
	})
}

func TestParallelTasks(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := build("a")
		p.Parallelism = 3
		b.create(plan("w", p, build("b", after("a", core.JobFailed))))
		id := func(i int) core.TaskID { return taskID(b.job("w", "a").ID, i) }
		b.reportTask(id(1), 1, core.JobRunning)
		b.wantStatuses("w", core.WorkflowRunning, "a=running", "b=blocked")
		b.reportTask(id(0), 1, core.JobFailed)
		b.reportTask(id(1), 1, core.JobSuccess)
		b.wantStatuses("w", core.WorkflowRunning, "a=running", "b=blocked")
		b.reportTask(id(2), 1, core.JobInfrastructureFail)
		b.wantStatuses("w", core.WorkflowFailing, "a=failed", "b=queued")
	})
}

func TestRequirementStatuses(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w",
			build("a"),
			build("on-success", after("a")),
			build("on-failure", after("a", core.JobFailed)),
			build("always", after("a", core.JobSuccess, core.JobFailed, core.JobCanceled, core.JobNotRun)),
			build("cascade", after("on-success")),
			build("caught", after("on-success", core.JobNotRun)),
			approval("hold", after("on-failure")),
			noop("join", after("on-success", core.JobNotRun), after("cascade", core.JobNotRun)),
		))
		b.report("w", "a", core.JobRunning, core.JobTimedOut)
		b.wantStatuses("w", core.WorkflowFailing, "a=timedout", "on-success=not_run", "on-failure=queued",
			"always=queued", "cascade=not_run", "caught=queued", "hold=blocked", "join=success")
		if got := b.job("w", "cascade").Reason; got != "on-success ended with not_run" {
			t.Errorf("got reason %q", got)
		}
		for _, name := range []string{"on-failure", "always", "caught"} {
			b.report("w", name, core.JobSuccess)
		}
		// An approval waits, but what failed is what people should see.
		b.wantStatuses("w", core.WorkflowFailing, "a=timedout", "on-success=not_run", "on-failure=success",
			"always=success", "cascade=not_run", "caught=success", "hold=on_hold", "join=success")
	})
}

func TestApprove(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("a"), approval("hold", after("a")), build("b", after("hold"))))
		request := b.job("w", "hold").ApprovalRequest
		approve := core.Approval{Workflow: "w", Request: request, By: "ann"}
		wantCode(t, b.svc.Approve(b.ctx, approve), core.CodeConflict)
		b.report("w", "a", core.JobSuccess)
		b.wantStatuses("w", core.WorkflowOnHold, "a=success", "hold=on_hold", "b=blocked")
		wantCode(t, b.svc.Approve(b.ctx, core.Approval{Workflow: "w", Request: "nothing"}), core.CodeNotFound)
		wantCode(t, b.svc.Approve(b.ctx, core.Approval{Workflow: "other", Request: request}), core.CodeNotFound)

		// Many at once: one of them does it.
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { errs[i] = b.svc.Approve(b.ctx, approve) })
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else {
				wantCode(t, err, core.CodeConflict)
			}
		}
		if done != 1 {
			t.Errorf("%d approvals passed, want 1", done)
		}
		hold := b.job("w", "hold")
		if hold.ApprovedBy != "ann" || hold.Number != 0 {
			t.Errorf("got %+v", hold)
		}
		b.wantStatuses("w", core.WorkflowRunning, "a=success", "hold=success", "b=queued")
	})
}

func TestCancelWorkflow(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("done"), build("runs"), build("waits"), approval("hold"),
			build("later", after("runs")), build("cleanup", after("runs", core.JobCanceled))))
		b.report("w", "done", core.JobSuccess)
		b.report("w", "runs", core.JobRunning)
		cancel := core.WorkflowCancel{Workflow: "w", By: "ann"}
		if err := b.svc.CancelWorkflow(b.ctx, cancel); err != nil {
			t.Fatal(err)
		}
		// The hand-over had not been delivered: the queue hears of the tasks first.
		b.deliver()
		_, canceled := b.queue.snapshot()
		if len(canceled) != 2 {
			t.Fatalf("the queue was told to cancel %d tasks, want 2", len(canceled))
		}
		b.wantStatuses("w", core.WorkflowRunning, "done=success", "runs=running", "waits=queued", "hold=canceled",
			"later=canceled", "cleanup=canceled")
		wantCode(t, b.svc.CancelWorkflow(b.ctx, cancel), "") // again, while it is being stopped
		_, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "w"})
		wantCode(t, err, core.CodeConflict)
		b.report("w", "waits", core.JobCanceled)
		b.report("w", "runs", core.JobCanceled)
		b.wantStatuses("w", core.WorkflowCanceled, "done=success", "runs=canceled", "waits=canceled", "hold=canceled",
			"later=canceled", "cleanup=canceled")
		if w := b.workflow("w"); w.CanceledBy != "ann" || b.job("w", "later").CanceledBy != "ann" {
			t.Errorf("got canceled by %q", w.CanceledBy)
		}
		wantCode(t, b.svc.CancelWorkflow(b.ctx, cancel), core.CodeConflict)
		wantCode(t, b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "x"}), core.CodeNotFound)
	})
}

func TestCancelLosesTheRaceAgainstTheEnd(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("a"), build("b", after("a"))))
		b.deliver()
		if err := b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "w"}); err != nil {
			t.Fatal(err)
		}
		b.report("w", "a", core.JobRunning, core.JobSuccess)
		b.report("w", "a", core.JobCanceled)
		b.wantStatuses("w", core.WorkflowCanceled, "a=success", "b=canceled")
	})
}

func TestCancelJob(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("a"), build("next", after("a")), build("cleanup", after("next", core.JobCanceled)), build("after", after("a", core.JobCanceled))))
		b.deliver()
		if err := b.svc.CancelJob(b.ctx, core.JobCancel{Job: b.job("w", "next").ID, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		b.wantStatuses("w", core.WorkflowRunning, "a=queued", "next=canceled", "cleanup=queued", "after=blocked")
		if err := b.svc.CancelJob(b.ctx, core.JobCancel{Job: b.job("w", "a").ID, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		b.deliver()
		if _, canceled := b.queue.snapshot(); len(canceled) != 1 {
			t.Errorf("the queue was told to cancel %d tasks, want 1", len(canceled))
		}
		b.report("w", "a", core.JobCanceled)
		b.report("w", "cleanup", core.JobSuccess)
		b.report("w", "after", core.JobSuccess)
		b.wantStatuses("w", core.WorkflowCanceled, "a=canceled", "next=canceled", "cleanup=success", "after=success")
		wantCode(t, b.svc.CancelJob(b.ctx, core.JobCancel{Job: b.job("w", "a").ID}), core.CodeConflict)
		wantCode(t, b.svc.CancelJob(b.ctx, core.JobCancel{Job: "x"}), core.CodeNotFound)
	})
}

func TestCancelPipelineMeetsLaterWorkflows(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("early", build("a"), approval("hold")))
		if err := b.svc.CancelPipelineWorkflows(b.ctx, "pipeline-1"); err != nil {
			t.Fatal(err)
		}
		b.create(plan("late", build("a"), noop("n"), approval("hold")))
		b.wantStatuses("late", core.WorkflowCanceled, "a=canceled", "n=canceled", "hold=canceled")
		b.deliver()
		b.report("early", "a", core.JobCanceled)
		b.wantStatuses("early", core.WorkflowCanceled, "a=canceled", "hold=canceled")
		if order, _ := b.queue.snapshot(); len(order) != 1 {
			t.Errorf("the queue has %d tasks, want only the early one", len(order))
		}
		// Repeating is somebody's wish and newer than the cancel.
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "again", Workflow: "late"}); err != nil {
			t.Fatal(err)
		}
		b.wantStatuses("again", core.WorkflowRunning, "a=queued", "n=success", "hold=on_hold")
		ws, err := b.svc.PipelineWorkflows(b.ctx, "pipeline-1")
		if err != nil || len(ws) != 3 || ws[0].ID != "again" || ws[2].ID != "early" {
			t.Errorf("got %+v (%v), want the newest first", ws, err)
		}
	})
}

func TestAutoCancel(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		create := func(id core.WorkflowID, number int64, change func(*core.PipelineContext)) {
			n := plan(id, approval("hold"))
			n.Pipeline = pipelineContext(number)
			n.Pipeline.Source.Branch = "feature"
			if change != nil {
				change(&n.Pipeline)
			}
			b.create(n)
		}
		create("old", 1, nil)
		create("elsewhere", 1, func(p *core.PipelineContext) { p.Source.Branch = "other" })
		create("default", 1, func(p *core.PipelineContext) { p.Source.Branch = "main" })
		create("tag", 1, func(p *core.PipelineContext) { p.Source.Branch, p.Source.Tag = "", "v1" })
		create("scheduled", 1, func(p *core.PipelineContext) { p.Trigger.Type = "scheduled_pipeline" })
		create("foreign", 1, func(p *core.PipelineContext) { p.Project.ID = "q" })
		create("ended", 1, nil)
		if err := b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "ended"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "rerun", Workflow: "ended"}); err != nil {
			t.Fatal(err)
		}
		create("unset", 3, func(p *core.PipelineContext) { p.Project.AutoCancel = false })
		b.tidy()
		b.wantOpen("old", true)
		create("main-2", 9, func(p *core.PipelineContext) { p.Source.Branch = "main" })
		create("new", 2, nil)
		b.tidy()
		for id, open := range map[core.WorkflowID]bool{
			"old": false, "elsewhere": true, "default": true, "tag": true, "scheduled": true,
			"foreign": true, "rerun": true, "unset": true, "new": true,
		} {
			b.wantOpen(id, open)
		}
		if got := b.job("old", "hold").Reason; got != "pipeline 2 of branch feature made this workflow redundant" {
			t.Errorf("got reason %q", got)
		}
		// It took longer to compile, and is older all the same.
		create("slow", 1, nil)
		b.tidy()
		b.wantOpen("slow", false)
		b.wantOpen("new", true)
	})
}

// tidy runs the handler of branches over the rows that are due.
func (b *bench) tidy() {
	b.t.Helper()
	var rows []*branch
	if err := b.svc.db.NewSelect().Model(&rows).Where("due_at IS NOT NULL").Scan(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	for _, row := range rows {
		if err := b.svc.tidyBranch(b.ctx, row); err != nil {
			b.t.Fatal(err)
		}
		if _, err := b.svc.db.NewDelete().Model(row).WherePK().Exec(b.ctx); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) wantOpen(id core.WorkflowID, open bool) {
	b.t.Helper()
	if w := b.workflow(id); w.Status.Ended() == open {
		b.t.Errorf("workflow %s is %s, want open %t", id, w.Status, open)
	}
}

func TestInvalidPlanBecomesError(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("bad", build("a", after("nobody"))), plan("good", build("a")))
		w := b.workflow("bad")
		if w.Status != core.WorkflowError || !strings.Contains(w.ErroredBy, "nobody") || w.StoppedAt == nil {
			t.Errorf("got %+v", w)
		}
		if jobs := b.jobs("bad"); len(jobs) != 0 {
			t.Errorf("got %d jobs", len(jobs))
		}
		_, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "bad"})
		wantCode(t, err, core.CodeConflict)
		b.wantStatuses("good", core.WorkflowRunning, "a=queued")
		wantCode(t, b.svc.CreateWorkflows(b.ctx, []core.NewWorkflow{{}}), core.CodeInvalid)
	})
}

func TestRefusedTaskEnds(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		bad := build("bad")
		bad.ResourceClass = "gigantic"
		b.create(plan("w", build("good"), bad))
		refusing := &refusingQueue{fakeQueue: b.queue}
		b.svc.queue = refusing
		b.deliver()
		b.wantStatuses("w", core.WorkflowFailing, "good=queued", "bad=infrastructure_fail")
		if got := b.job("w", "bad").Reason; got != "there is no class gigantic" {
			t.Errorf("got reason %q", got)
		}
		if order, _ := b.queue.snapshot(); len(order) != 1 {
			t.Errorf("the queue has %d tasks, want the good one", len(order))
		}
	})
}

func TestReportTasksChecksItsInput(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w", build("a")))
		id := taskID(b.job("w", "a").ID, 0)
		for _, status := range []core.JobStatus{"", "green", core.JobBlocked, core.JobOnHold} {
			wantCode(t, b.svc.ReportTasks(b.ctx, []core.TaskReport{{Task: id, Attempt: 1, Status: status}}), core.CodeInvalid)
		}
		b.reportTask("nobody", 1, core.JobSuccess)
		reason := "bad \x00 bytes \xff" + strings.Repeat("x", 3*maxReason)
		if err := b.svc.ReportTasks(b.ctx, []core.TaskReport{{Task: id, Attempt: 1, Status: core.JobFailed, Reason: reason}}); err != nil {
			t.Fatal(err)
		}
		if got := b.job("w", "a").Reason; !strings.HasPrefix(got, "bad  bytes x") || len(got) > maxReason {
			t.Errorf("got a reason of %d bytes", len(got))
		}
	})
}

func TestUnknownThings(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		_, err := b.svc.Workflow(b.ctx, "x")
		wantCode(t, err, core.CodeNotFound)
		_, err = b.svc.WorkflowJobs(b.ctx, "x")
		wantCode(t, err, core.CodeNotFound)
		_, err = b.svc.Job(b.ctx, "x")
		wantCode(t, err, core.CodeNotFound)
		_, err = b.svc.JobByNumber(b.ctx, core.JobRef{Project: "p", Number: 0})
		wantCode(t, err, core.CodeNotFound)
		_, err = b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "x"})
		wantCode(t, err, core.CodeNotFound)
		ws, err := b.svc.PipelineWorkflows(b.ctx, "x")
		if err != nil || ws == nil || len(ws) != 0 {
			t.Errorf("got %v, %v", ws, err)
		}
	})
}

// TestLongCascade goes down a chain deeper than the point at which the rest of
// a workflow is loaded at once.
func TestLongCascade(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		jobs := []core.JobPlan{build("j0")}
		for i := 1; i <= 20*wideAfter; i++ {
			p := noop(fmt.Sprintf("j%d", i), after(fmt.Sprintf("j%d", i-1)))
			if i%50 == 0 {
				p.Type = core.JobBuild
			}
			jobs = append(jobs, p)
		}
		b.create(plan("w", jobs...))
		for i := 0; i < len(jobs); i += 50 {
			b.deliver()
			b.report("w", fmt.Sprintf("j%d", i), core.JobSuccess)
		}
		if w := b.workflow("w"); w.Status != core.WorkflowSuccess {
			t.Errorf("got %s, open: %v", w.Status, slices.DeleteFunc(b.statuses("w"), func(s string) bool { return strings.HasSuffix(s, "=success") }))
		}
	})
}
