// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// persisting and attaching give a job the step that makes it part of the
// workspace's story.
func persisting(p core.JobPlan) core.JobPlan {
	p.Steps = append(p.Steps, core.StepPlan{Kind: core.StepPersistToWorkspace, Name: "persist", PersistToWorkspace: &core.PersistToWorkspaceStep{Root: "."}})
	return p
}

func attaching(p core.JobPlan) core.JobPlan {
	p.Steps = append(p.Steps, core.StepPlan{Kind: core.StepAttachWorkspace, Name: "attach", AttachWorkspace: &core.AttachWorkspaceStep{At: "."}})
	return p
}

func (b *bench) spec(id core.WorkflowID, name string) core.TaskSpec {
	b.t.Helper()
	specs, err := b.svc.TaskSpecs(b.ctx, []core.TaskID{b.job(id, name).Tasks[0].ID})
	if err != nil {
		b.t.Fatalf("reading the spec of %s: %v", name, err)
	}
	return specs[0]
}

// wantUpstream compares an upstream list to places by name and the workflow
// that the job ran in.
func (b *bench) wantUpstream(id core.WorkflowID, name string, want ...core.UpstreamJob) {
	b.t.Helper()
	spec := b.spec(id, name)
	if spec.Workspace != "w" {
		b.t.Errorf("%s of %s has the workspace %q, want w", name, id, spec.Workspace)
	}
	if shown := b.workflow(id).Workspace; id != "w" && shown != "w" {
		b.t.Errorf("workflow %s shows the workspace %q, want w", id, shown)
	}
	if diff := cmp.Diff(want, spec.Upstream); diff != "" {
		b.t.Errorf("upstream of %s of %s (-want +got):\n%s", name, id, diff)
	}
}

// up names a job by the workflow in which it ran.
func (b *bench) up(id core.WorkflowID, name string, requires ...int) core.UpstreamJob {
	return core.UpstreamJob{Job: b.job(id, name).ID, Name: name, Requires: requires}
}

// TestUpstreamOverReruns follows one workspace through a rerun from failed, one
// of a single job, and one from the start, each of the one before.
func TestUpstreamOverReruns(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.create(plan("w",
			attaching(build("deploy", after("check"), after("test"))), // not in topological order on purpose
			persisting(build("compile")), build("lint"),
			persisting(attaching(build("test", after("compile"), after("lint")))),
			noop("check", after("test")),
		))
		b.report("w", "compile", core.JobSuccess)
		b.report("w", "lint", core.JobSuccess)
		b.wantUpstream("w", "test", b.up("w", "compile"))
		if up := b.spec("w", "compile").Upstream; up != nil {
			t.Errorf("compile attaches nothing and has %v upstream", up)
		}
		b.report("w", "test", core.JobFailed)
		rerun := func(r core.Rerun) {
			t.Helper()
			if _, err := b.svc.RerunWorkflow(b.ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		rerun(core.Rerun{ID: "r1", Workflow: "w", FromFailed: true})
		b.wantUpstream("r1", "test", b.up("w", "compile"))
		b.report("r1", "test", core.JobSuccess)
		b.wantUpstream("r1", "deploy", b.up("w", "compile"), b.up("r1", "test", 0), b.up("r1", "check", 1))
		b.report("r1", "deploy", core.JobFailed)

		rerun(core.Rerun{ID: "r2", Workflow: "r1", FromFailed: true})
		b.wantUpstream("r2", "deploy", b.up("w", "compile"), b.up("r1", "test", 0), b.up("r1", "check", 1))
		b.report("r2", "deploy", core.JobFailed)
		rerun(core.Rerun{ID: "r3", Workflow: "r2", Jobs: []core.JobID{b.job("r2", "test").ID}})
		b.wantUpstream("r3", "test", b.up("w", "compile"))
		b.report("r3", "test", core.JobSuccess)
		b.wantUpstream("r3", "deploy", b.up("w", "compile"), b.up("r3", "test", 0), b.up("r3", "check", 1))
		b.report("r3", "deploy", core.JobSuccess)

		rerun(core.Rerun{ID: "r4", Workflow: "r3"})
		b.report("r4", "compile", core.JobSuccess)
		b.report("r4", "lint", core.JobSuccess)
		b.wantUpstream("r4", "test", b.up("r4", "compile"))
	})
}

// TestUpstreamKeepsOrderAndEdges compares the lists of random workflows to what
// their plans say of each pair of jobs.
func TestUpstreamKeepsOrderAndEdges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		p := randomPlan(r, 30)
		for i := range p.Jobs {
			if r.IntN(3) == 0 {
				p.Jobs[i] = persisting(p.Jobs[i])
			}
		}
		g, err := newGraph(p, Default())
		if err != nil {
			t.Fatal(err)
		}
		l := &lineage{graph: g, jobs: make([]ancestor, len(p.Jobs))}
		for i, j := range p.Jobs {
			l.jobs[i] = ancestor{name: j.Name}
		}
		for place := range p.Jobs {
			if err := checkList(p, place, l.list(place)); err != nil {
				t.Fatalf("seed %d, %s: %v", seed, p.Jobs[place].Name, err)
			}
		}
	}
}

// checkList compares a list to what the plan says: who comes before whom, asked
// of each pair.
func checkList(p core.WorkflowPlan, place int, list []core.UpstreamJob) error {
	byName := map[string]core.JobPlan{}
	for _, j := range p.Jobs {
		byName[j.Name] = j
	}
	before := map[string]map[string]bool{}
	var follow func(name string) map[string]bool
	follow = func(name string) map[string]bool {
		if known, ok := before[name]; ok {
			return known
		}
		all := map[string]bool{}
		for _, r := range byName[name].Requires {
			all[r.Job] = true
			for n := range follow(r.Job) {
				all[n] = true
			}
		}
		before[name] = all
		return all
	}
	var got []string
	for i, u := range list {
		for _, at := range u.Requires {
			if at >= i {
				return fmt.Errorf("%s stands before %s, which it requires", u.Name, list[at].Name)
			}
		}
		got = append(got, u.Name)
	}
	for name := range follow(p.Jobs[place].Name) {
		carries := hasStep(byName[name], core.StepPersistToWorkspace)
		for n := range follow(name) {
			carries = carries || hasStep(byName[n], core.StepPersistToWorkspace)
		}
		if carries != slices.Contains(got, name) {
			return fmt.Errorf("%s: carries %t, and is in the list %t", name, carries, !carries)
		}
		if !carries {
			continue
		}
		var want, has []string
		for _, r := range byName[name].Requires {
			if slices.Contains(got, r.Job) {
				want = append(want, r.Job)
			}
		}
		for _, at := range list[slices.Index(got, name)].Requires {
			has = append(has, list[at].Name)
		}
		if diff := cmp.Diff(want, has); diff != "" {
			return fmt.Errorf("requirements of %s (-want +got):\n%s", name, diff)
		}
	}
	if len(got) > len(follow(p.Jobs[place].Name)) {
		return fmt.Errorf("the list %v has more than the jobs before it", got)
	}
	return nil
}

// TestUpstreamIsBounded refuses a workflow before any of its jobs runs.
func TestUpstreamIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "workflows"))
	chain := func(n int) []core.JobPlan {
		jobs := []core.JobPlan{persisting(build("job-0"))}
		for i := 1; i <= n; i++ {
			jobs = append(jobs, build(fmt.Sprintf("job-%d", i), after(fmt.Sprintf("job-%d", i-1))))
		}
		jobs[n] = attaching(jobs[n])
		return jobs
	}
	b.create(plan("fits", chain(maxUpstream)...), plan("w", chain(maxUpstream+1)...))
	if w := b.workflow("fits"); w.Status != core.WorkflowRunning {
		t.Errorf("a chain of %d: %s %s", maxUpstream, w.Status, w.ErroredBy)
	}
	if w := b.workflow("w"); w.Status != core.WorkflowError || w.ErroredBy == "" {
		t.Errorf("a chain of %d: %s %s, want error and why", maxUpstream+1, w.Status, w.ErroredBy)
	}
}

// BenchmarkTaskSpecs asks for the specs of 64 jobs at the end of a workflow of
// 4,000, all of which attach and persist: the worst that is allowed.
func BenchmarkTaskSpecs(b *testing.B) {
	bench := newBench(b, storetest.Open(b, "workflows"))
	n := workflowsOf(0, 4000, 4000)[0]
	for i := range n.Plan.Jobs {
		n.Plan.Jobs[i] = persisting(attaching(n.Plan.Jobs[i]))
	}
	bench.create(n)
	var ids []core.TaskID
	for place := 4000 - 64; place < 4000; place++ {
		t := &task{ID: taskID(jobID(n.ID, place), 0), Job: jobID(n.ID, place), Workflow: n.ID, taskState: taskState{Status: core.JobQueued}}
		if _, err := bench.svc.db.NewInsert().Model(t).Exec(bench.ctx); err != nil {
			b.Fatal(err)
		}
		ids = append(ids, t.ID)
	}
	b.ResetTimer()
	for b.Loop() {
		specs, err := bench.svc.TaskSpecs(bench.ctx, ids)
		if err != nil || len(specs[0].Upstream) < 3800 {
			b.Fatal(err, len(specs[0].Upstream))
		}
	}
}
