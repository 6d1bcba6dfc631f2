// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

// serve brings holds to the queue and its news back, until both are silent.
func (b *bench) serve() {
	b.t.Helper()
	for {
		var rows []*hold
		if err := b.svc.db.NewSelect().Model(&rows).Where("due_at IS NOT NULL").Order("due_at", "id").Scan(b.ctx); err != nil {
			b.t.Fatal(err)
		}
		for i, result := range b.svc.tellHolds(b.ctx, rows) {
			if result != work.Done() {
				b.t.Fatalf("telling of %s: %+v", rows[i].ID, result)
			}
			if _, err := b.svc.db.NewUpdate().Model(rows[i]).Set("due_at = NULL").WherePK().Exec(b.ctx); err != nil {
				b.t.Fatal(err)
			}
		}
		news := b.queue.take()
		if len(rows) == 0 && len(news) == 0 {
			return
		}
		unwanted, err := b.svc.ReportSerials(b.ctx, news)
		if err != nil {
			b.t.Fatal(err)
		}
		b.queue.told(len(news), unwanted)
	}
}

func serial(key string, p core.JobPlan) core.JobPlan {
	p.SerialGroup = key
	return p
}

func lockJob(kind core.JobType, key string, p core.JobPlan) core.JobPlan {
	return core.JobPlan{Name: p.Name, Type: kind, Key: key, Requires: p.Requires}
}

func deploys(id core.WorkflowID) core.NewWorkflow {
	return plan(id, build("test"), serial("prod", build("deploy", after("test"))), build("smoke", after("deploy")))
}

func TestSerialJobsTakeTurns(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(deploys("v"), deploys("w"))
		for _, id := range []core.WorkflowID{"v", "w"} {
			b.report(id, "test", core.JobSuccess)
			b.serve()
		}
		b.wantStatuses("v", core.WorkflowRunning, "test=success", "deploy=queued", "smoke=blocked")
		b.wantStatuses("w", core.WorkflowRunning, "test=success", "deploy=queued", "smoke=blocked")
		if j := b.job("v", "deploy"); j.Number == 0 || len(j.Tasks) != 1 || j.SerialGroup != "prod" {
			t.Errorf("the job that holds the group does not run: %+v", j)
		}
		if j := b.job("w", "deploy"); j.Number != 0 || len(j.Tasks) != 0 || j.Reason != "prod is held by deploy" || j.SerialHolder == nil || j.SerialHolder.Workflow != "v" || b.jobs("w")[1].Reason != j.Reason {
			t.Errorf("the job that waits: %+v", j)
		}
		b.report("v", "deploy", core.JobRunning, core.JobFailed)
		b.serve()
		if got := b.queue.held("prod"); got != "deploy of w" {
			t.Errorf("%s holds the group after a failure, want the next", got)
		}
		b.report("w", "deploy", core.JobRunning, core.JobSuccess)
		b.report("w", "smoke", core.JobSuccess)
		b.serve()
		if got := b.queue.held("prod"); got != "" {
			t.Errorf("%s holds the group after all ended", got)
		}
		b.wantStatuses("w", core.WorkflowSuccess, "test=success", "deploy=success", "smoke=success")
	})
}

func TestSerialJobsThatDoNotGetTheirTurn(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(deploys("v"), deploys("w"), deploys("x"), deploys("y"))
		for _, id := range []core.WorkflowID{"v", "w", "x"} {
			b.report(id, "test", core.JobSuccess)
			b.serve()
		}
		if err := b.svc.CancelJob(b.ctx, core.JobCancel{Job: b.job("w", "deploy").ID, By: "u"}); err != nil {
			t.Fatal(err)
		}
		b.wantStatuses("w", core.WorkflowCanceled, "test=success", "deploy=canceled", "smoke=not_run")
		news := core.SerialNews{Claim: b.claimOf("x", "deploy"), Workflow: "x", State: core.SerialExpired, Reason: "waited too long"}
		if unwanted, err := b.svc.ReportSerials(b.ctx, []core.SerialNews{news, {Claim: "nobody", Workflow: "x", State: core.SerialHeld}}); err != nil || len(unwanted) != 1 || unwanted[0] != "nobody" {
			t.Errorf("unwanted are %v (%v), want the claim that nobody made", unwanted, err)
		}
		b.wantStatuses("x", core.WorkflowCanceled, "test=success", "deploy=canceled", "smoke=not_run")
		if j := b.job("x", "deploy"); j.Reason != "waited too long" {
			t.Errorf("reason %q", j.Reason)
		}
		b.queue.skipAll = true
		b.report("y", "test", core.JobSuccess)
		b.serve()
		b.wantStatuses("y", core.WorkflowSuccess, "test=success", "deploy=not_run", "smoke=not_run")
		if err := b.svc.CancelWorkflow(b.ctx, core.WorkflowCancel{Workflow: "v"}); err != nil {
			t.Fatal(err)
		}
		b.serve()
		if got := b.queue.held("prod"); got != "deploy of v" {
			t.Errorf("%s holds the group while the canceled job is being stopped, want it still", got)
		}
		b.deliver()
		b.report("v", "deploy", core.JobCanceled)
		b.serve()
		if unwanted, err := b.svc.ReportSerials(b.ctx, []core.SerialNews{{Claim: b.claimOf("v", "deploy"), Workflow: "v", State: core.SerialHeld}}); err != nil || len(unwanted) != 1 {
			t.Errorf("a job that has ended wants its group: %v, %v", unwanted, err)
		}
	})
}

func (b *bench) claimOf(id core.WorkflowID, name string) core.SerialID {
	b.t.Helper()
	var row job
	if err := b.svc.db.NewSelect().Model(&row).Where("id = ?", b.job(id, name).ID).Scan(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	return row.Hold
}

// grouped is a workflow with a job group as compiling makes it: two no-ops hold
// the members together.
func grouped(id core.WorkflowID) core.NewWorkflow {
	n := plan(id, noop("g-start"), build("migrate", after("g-start")), build("deploy", after("g-start")),
		noop("g-end", after("migrate"), after("deploy")), build("smoke", after("g-end")))
	for i := range 4 {
		n.Plan.Jobs[i].Group = "g"
	}
	n.Plan.Groups = []core.GroupPlan{{Name: "g", SerialGroup: "prod"}, {Name: "free"}}
	return n
}

func TestJobGroupsHoldTogether(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(grouped("v"))
		b.serve()
		b.create(grouped("w"))
		b.serve()
		b.wantStatuses("v", core.WorkflowRunning, "g-start=success", "migrate=queued", "deploy=queued", "g-end=blocked", "smoke=blocked")
		b.wantStatuses("w", core.WorkflowRunning, "g-start=queued", "migrate=blocked", "deploy=blocked", "g-end=blocked", "smoke=blocked")
		b.report("v", "migrate", core.JobFailed)
		b.serve()
		if got := b.queue.held("prod"); got != "g of v" {
			t.Errorf("%q holds the group while a member runs, want v", got)
		}
		b.report("v", "deploy", core.JobSuccess)
		b.serve()
		b.wantStatuses("w", core.WorkflowRunning, "g-start=success", "migrate=queued", "deploy=queued", "g-end=blocked", "smoke=blocked")
		b.report("w", "migrate", core.JobSuccess)
		b.report("w", "deploy", core.JobSuccess)
		b.report("w", "smoke", core.JobFailed)
		b.serve()
		// The group is whole in what failed in it, and left alone in what did not.
		for _, r := range []core.Rerun{
			{ID: "r1", Workflow: "v", FromFailed: true},
			{ID: "r2", Workflow: "w", FromFailed: true},
			{ID: "r3", Workflow: "w", Jobs: []core.JobID{b.job("w", "deploy").ID}, SSH: true, By: "ann"},
		} {
			if _, err := b.svc.RerunWorkflow(b.ctx, r); err != nil {
				t.Fatal(err)
			}
			b.serve()
		}
		b.wantStatuses("r1", core.WorkflowRunning, "g-start=success", "migrate=queued", "deploy=queued", "g-end=blocked", "smoke=blocked")
		b.wantStatuses("r2", core.WorkflowRunning, "g-start=success", "migrate=success", "deploy=success", "g-end=success", "smoke=queued")
		b.wantStatuses("r3", core.WorkflowRunning, "g-start=queued", "migrate=blocked", "deploy=blocked", "g-end=blocked", "smoke=blocked")
		if b.job("r3", "migrate").SSH != "ann" || b.job("r3", "smoke").SSH != "" {
			t.Error("SSH is not for the whole group and nothing else")
		}
	})
}

func locked(id core.WorkflowID) core.NewWorkflow {
	return plan(id,
		lockJob(core.JobLock, "prod", build("take")), build("deploy", after("take")),
		lockJob(core.JobUnlock, "prod", build("give", after("deploy"))), build("report", after("give")))
}

func TestLockJobs(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(locked("v"))
		b.serve()
		b.create(locked("w"))
		b.serve()
		b.wantStatuses("v", core.WorkflowRunning, "take=success", "deploy=queued", "give=blocked", "report=blocked")
		b.wantStatuses("w", core.WorkflowRunning, "take=queued", "deploy=blocked", "give=blocked", "report=blocked")
		b.report("v", "deploy", core.JobSuccess)
		b.serve()
		b.wantStatuses("v", core.WorkflowRunning, "take=success", "deploy=success", "give=success", "report=queued")
		b.wantStatuses("w", core.WorkflowRunning, "take=success", "deploy=queued", "give=blocked", "report=blocked")
		b.report("w", "deploy", core.JobFailed) // and so nothing unlocks
		b.serve()
		b.wantStatuses("w", core.WorkflowFailed, "take=success", "deploy=failed", "give=not_run", "report=not_run")
		if got := b.queue.held("prod"); got != "" {
			t.Errorf("%q holds the key after its workflow has ended", got)
		}
		b.report("v", "report", core.JobFailed)
		for _, r := range []core.Rerun{{ID: "r1", Workflow: "w", FromFailed: true}, {ID: "r2", Workflow: "v", FromFailed: true}} {
			if _, err := b.svc.RerunWorkflow(b.ctx, r); err != nil {
				t.Fatal(err)
			}
			b.serve()
		}
		b.wantStatuses("r1", core.WorkflowRunning, "take=success", "deploy=queued", "give=blocked", "report=blocked")
		if got := b.queue.held("prod"); got != "prod of r1" {
			t.Errorf("%q holds the key, want the rerun, which does what needs it", got)
		}
		b.wantStatuses("r2", core.WorkflowRunning, "take=success", "deploy=success", "give=success", "report=queued")
		twice := locked("twice")
		twice.Plan.Jobs = append(twice.Plan.Jobs, lockJob(core.JobLock, "prod", build("again")))
		never := locked("never")
		never.Plan.Jobs[2].Key = "stage"
		b.create(twice, never)
		for _, id := range []core.WorkflowID{"twice", "never"} {
			if w := b.workflow(id); w.Status != core.WorkflowError {
				t.Errorf("%s is %s, want error", id, w.Status)
			}
		}
	})
}
