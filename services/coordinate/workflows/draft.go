// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// draft is a new workflow on its way to the tables. No I/O here.
type draft struct {
	workflow *workflow
	jobs     []*job
	plans    []*jobPlan
	graph    graph
	held     []*hold
	canceled bool // its pipeline was, before it came
}

// newDraft lays out a workflow with all its jobs blocked.
func newDraft(n core.NewWorkflow, now store.Time, cfg Config) *draft {
	d := &draft{workflow: newWorkflow(n, now)}
	g, err := newGraph(n.Plan, cfg)
	if err != nil {
		d.workflow.Status, d.workflow.ErroredBy, d.workflow.StoppedAt = core.WorkflowError, core.ErrorMessage(err), now
		return d
	}
	d.graph = g
	for i, p := range n.Plan.Jobs {
		j := newJob(d.workflow, i, p, now)
		j.Unmet = len(g.requires[i])
		d.workflow.Tally.V.move("", j.Status)
		d.jobs = append(d.jobs, j)
		d.plans = append(d.plans, &jobPlan{
			Job:        j.ID,
			Requires:   store.JSON[[]link]{V: g.requires[i]},
			Dependents: store.JSON[[]link]{V: g.dependents[i]},
			Plan:       store.JSON[core.JobPlan]{V: p},
		})
	}
	return d
}

func newWorkflow(n core.NewWorkflow, now store.Time) *workflow {
	p := n.Pipeline
	groups := slices.DeleteFunc(slices.Clone(n.Plan.Groups), func(g core.GroupPlan) bool { return g.SerialGroup == "" })
	automatic := p.Trigger.Type == core.TriggerAPI || p.Trigger.Type == core.TriggerWebhook
	redundant := automatic && p.Source.Branch != "" && p.Source.Branch != p.Project.DefaultBranch
	return &workflow{
		ID: n.ID, Pipeline: p.ID, PipelineNumber: p.Number,
		Organization: p.Project.Organization.ID, Concurrency: p.Project.Organization.Concurrency,
		Project: p.Project.ID, ProjectSlug: p.Project.Slug(), Branch: p.Source.Branch,
		Name: clean(n.Plan.Name), StartedBy: p.Trigger.Actor.ID, Setup: n.Setup, CreatedAt: now,
		MaxAutoReruns: max(n.Plan.MaxAutoReruns, 0), Groups: store.JSON[[]core.GroupPlan]{V: groups},
		Redundant: redundant, Supersedes: redundant && p.Project.AutoCancel,
		workflowState: workflowState{Status: core.WorkflowRunning, Tally: store.JSON[tally]{V: tally{}}},
	}
}

func newJob(w *workflow, place int, p core.JobPlan, now store.Time) *job {
	id := jobID(w.ID, place)
	j := &job{
		ID: id, Workflow: w.ID, Index: place, Pipeline: w.Pipeline, Project: w.Project,
		Name: p.Name, Type: p.Type, Origin: id, Persists: hasStep(p, core.StepPersistToWorkspace), Deploys: hasDeploy(p), CreatedAt: now,
		jobState: jobState{Status: core.JobBlocked},
	}
	switch p.Type {
	case core.JobBuild:
		j.Executor, j.ResourceClass = p.Executor.Kind, p.ResourceClass
		j.Parallelism = max(p.Parallelism, 1)
	case core.JobApproval:
		j.Approval = approvalID(id)
	}
	return j
}

// play puts the draft on the board and brings it to rest: what needs nobody
// starts, no-ops succeed, and what follows from kept jobs is drawn.
func (d *draft) play(b *board) {
	if d.workflow.Status.Ended() {
		return
	}
	b.workflows[d.workflow.ID] = d.workflow
	d.held = d.holds()
	for _, h := range d.held {
		b.holds[h.id()] = h
	}
	for i, j := range d.jobs {
		b.jobs[j.ID] = j
		b.links[j.ID] = d.graph.dependents[i]
	}
	if d.canceled {
		b.cancelWorkflow(d.workflow, d.jobs, "", "the pipeline was canceled")
		return
	}
	for _, j := range d.jobs {
		switch {
		case j.Status.Ended():
			b.ended = append(b.ended, j)
		case j.Unmet == 0:
			b.start(j)
		}
	}
	// Everything that may move is on the board, so nothing is loaded and nothing
	// can fail.
	_ = b.settle(func([]*job, int) error { return nil })
}
