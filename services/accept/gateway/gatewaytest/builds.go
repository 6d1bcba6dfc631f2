// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/muster-ci/muster/core"
)

type pipeline struct {
	core.Pipeline
	new       core.NewPipeline
	workflows []*workflow // oldest first
}

type workflow struct {
	core.Workflow
	jobs []*job
}

type job struct {
	core.Job
	requires []string
	script   JobScript
}

// Requested returns what a pipeline was asked for with.
func (p *Platform) Requested(id core.PipelineID) core.NewPipeline {
	defer p.lock("Requested")()
	if known := p.find(id); known != nil {
		return known.new
	}
	return core.NewPipeline{}
}

func (p *Platform) find(id core.PipelineID) *pipeline {
	for _, known := range p.pipelines {
		if known.ID == id {
			return known
		}
	}
	return nil
}

// CreatePipeline implements core.Pipelines. With a Script the pipeline gets a
// workflow "main" and plays it; without, it stays pending.
func (p *Platform) CreatePipeline(_ context.Context, n core.NewPipeline) (core.Pipeline, error) {
	defer p.lock("CreatePipeline")()
	if known := p.find(n.ID); known != nil {
		return known.Pipeline, nil
	}
	if why := p.Skips[n.Source.Branch]; why != "" && n.Skippable {
		return core.Pipeline{ID: n.ID, Project: n.Project.ID, Skipped: why}, nil
	}
	now := time.Now().UTC()
	fresh := &pipeline{new: n, Pipeline: core.Pipeline{
		ID: n.ID, Project: n.Project.ID, Number: int64(len(p.pipelines) + 1), State: core.PipelinePending,
		Trigger: n.Trigger, Source: n.Source, Parameters: n.Parameters, CreatedAt: now, UpdatedAt: now,
	}}
	p.pipelines = append(p.pipelines, fresh)
	answer := fresh.Pipeline
	if len(p.Script) > 0 {
		fresh.State = core.PipelineCreated
		w := p.addWorkflow(fresh, "main", p.Script)
		p.playing.Go(func() { p.play(w) })
	}
	return answer, nil
}

// Pipeline implements core.Pipelines.
func (p *Platform) Pipeline(_ context.Context, id core.PipelineID) (core.Pipeline, error) {
	defer p.lock("Pipeline")()
	if known := p.find(id); known != nil {
		return known.Pipeline, p.check("Pipeline")
	}
	return core.Pipeline{}, core.Errorf(core.CodeNotFound, "Pipeline not found")
}

// PipelineByNumber implements core.Pipelines.
func (p *Platform) PipelineByNumber(_ context.Context, ref core.PipelineRef) (core.Pipeline, error) {
	defer p.lock("PipelineByNumber")()
	for _, known := range p.pipelines {
		if known.Project == ref.Project && known.Number == ref.Number {
			return known.Pipeline, nil
		}
	}
	return core.Pipeline{}, core.Errorf(core.CodeNotFound, "Pipeline not found")
}

// ListPipelines implements core.Pipelines, with pages of two.
func (p *Platform) ListPipelines(_ context.Context, f core.PipelineFilter) (core.PipelineList, error) {
	defer p.lock("ListPipelines")()
	var list core.PipelineList
	for _, known := range slices.Backward(p.pipelines) {
		if f.Project != "" && known.Project != f.Project || f.Branch != "" && known.Source.Branch != f.Branch ||
			f.Actor != "" && known.Trigger.Actor.ID != f.Actor {
			continue
		}
		if before, err := strconv.ParseInt(f.Page.Token, 10, 64); err == nil && known.Number >= before {
			continue
		}
		if len(list.Items) == 2 {
			list.Next = strconv.FormatInt(list.Items[1].Number, 10)
			break
		}
		list.Items = append(list.Items, known.Pipeline)
	}
	return list, nil
}

// PipelineConfig implements core.Pipelines.
func (p *Platform) PipelineConfig(_ context.Context, id core.PipelineID) (core.PipelineConfig, error) {
	defer p.lock("PipelineConfig")()
	return core.PipelineConfig{Source: p.find(id).new.Config, Compiled: p.CompileResult.Processed}, nil
}

// PipelineValues implements core.Pipelines.
func (p *Platform) PipelineValues(_ context.Context, id core.PipelineID) (core.PipelineValues, error) {
	defer p.lock("PipelineValues")()
	known := p.find(id)
	return core.PipelineValues{"id": string(id), "number": known.Number, "git.branch": known.Source.Branch}, nil
}

// CancelPipeline implements core.Pipelines.
func (p *Platform) CancelPipeline(ctx context.Context, id core.PipelineID) error {
	return p.CancelPipelineWorkflows(ctx, id)
}

// CancelPipelineWorkflows implements core.Workflows.
func (p *Platform) CancelPipelineWorkflows(_ context.Context, id core.PipelineID) error {
	defer p.lock("CancelPipelineWorkflows")()
	known := p.find(id)
	known.Canceled, known.State = true, core.PipelineCreated
	for _, w := range known.workflows {
		for _, j := range w.jobs {
			p.end(j, core.JobCanceled)
		}
	}
	return nil
}

// CreateWorkflows implements core.Workflows; the gateway never calls it.
func (p *Platform) CreateWorkflows(context.Context, []core.NewWorkflow) error { return nil }

// Workflow implements core.Workflows.
func (p *Platform) Workflow(_ context.Context, id core.WorkflowID) (core.Workflow, error) {
	defer p.lock("Workflow")()
	w, err := p.workflow(id)
	if err != nil {
		return core.Workflow{}, err
	}
	return w.Workflow, nil
}

func (p *Platform) workflow(id core.WorkflowID) (*workflow, error) {
	for _, known := range p.pipelines {
		for _, w := range known.workflows {
			if w.ID == id {
				return w, nil
			}
		}
	}
	return nil, core.Errorf(core.CodeNotFound, "Workflow not found")
}

// PipelineWorkflows implements core.Workflows.
func (p *Platform) PipelineWorkflows(_ context.Context, id core.PipelineID) ([]core.Workflow, error) {
	defer p.lock("PipelineWorkflows")()
	var all []core.Workflow
	for _, w := range slices.Backward(p.find(id).workflows) {
		all = append(all, w.Workflow)
	}
	return all, p.check("PipelineWorkflows")
}

// CancelWorkflow implements core.Workflows.
func (p *Platform) CancelWorkflow(_ context.Context, c core.WorkflowCancel) error {
	defer p.lock("CancelWorkflow")()
	w, err := p.workflow(c.Workflow)
	if err != nil {
		return err
	}
	if w.Status.Ended() {
		return core.Errorf(core.CodeConflict, "The workflow has ended already.")
	}
	for _, j := range w.jobs {
		p.end(j, core.JobCanceled)
	}
	return nil
}

// RerunWorkflow implements core.Workflows by playing the script again.
func (p *Platform) RerunWorkflow(_ context.Context, r core.Rerun) (core.Workflow, error) {
	defer p.lock("RerunWorkflow")()
	old, err := p.workflow(r.Workflow)
	if err != nil {
		return core.Workflow{}, err
	}
	var script []JobScript
	for _, j := range old.jobs {
		script = append(script, j.script)
	}
	w := p.addWorkflow(p.find(old.Pipeline), old.Name, script)
	w.ID, w.RerunOf, w.Workspace = r.ID, old.ID, cmp.Or(old.Workspace, old.ID)
	for i, j := range w.jobs {
		j.Workflow = w.ID
		if r.SSH && slices.Contains(r.Jobs, old.jobs[i].ID) {
			j.SSH = r.By
		}
	}
	p.playing.Go(func() { p.play(w) })
	return w.Workflow, nil
}

// Approve implements core.Workflows.
func (p *Platform) Approve(_ context.Context, a core.Approval) error {
	defer p.lock("Approve")()
	w, err := p.workflow(a.Workflow)
	if err != nil {
		return err
	}
	for _, j := range w.jobs {
		if j.ApprovalRequest != a.Request {
			continue
		}
		if j.Status != core.JobOnHold {
			return core.Errorf(core.CodeConflict, "The job does not wait for approval.")
		}
		j.ApprovedBy = a.By
		p.end(j, core.JobSuccess)
		return nil
	}
	return core.Errorf(core.CodeNotFound, "Approval request not found")
}

// WorkflowJobs implements core.Jobs.
func (p *Platform) WorkflowJobs(_ context.Context, id core.WorkflowID) ([]core.Job, error) {
	defer p.lock("WorkflowJobs")()
	w, err := p.workflow(id)
	if err != nil {
		return nil, err
	}
	var all []core.Job
	for _, j := range w.jobs {
		shown := j.Job
		shown.Tasks = nil
		all = append(all, shown)
	}
	return all, p.check("WorkflowJobs")
}

// Job implements core.Jobs.
func (p *Platform) Job(_ context.Context, id core.JobID) (core.Job, error) {
	defer p.lock("Job")()
	j, ok := p.jobs[id]
	if !ok {
		return core.Job{}, core.Errorf(core.CodeNotFound, "Job not found")
	}
	shown := j.Job
	shown.Tasks = slices.Clone(j.Tasks)
	return shown, p.check("Job")
}

// JobByNumber implements core.Jobs.
func (p *Platform) JobByNumber(_ context.Context, ref core.JobRef) (core.Job, error) {
	defer p.lock("JobByNumber")()
	for _, j := range p.jobs {
		if j.Project == ref.Project && j.Number == ref.Number {
			shown := j.Job
			shown.Tasks = slices.Clone(j.Tasks)
			return shown, nil
		}
	}
	return core.Job{}, core.Errorf(core.CodeNotFound, "Job not found")
}

// CancelJob implements core.Jobs.
func (p *Platform) CancelJob(_ context.Context, c core.JobCancel) error {
	defer p.lock("CancelJob")()
	j, ok := p.jobs[c.Job]
	if !ok {
		return core.Errorf(core.CodeNotFound, "Job not found")
	}
	if j.Status.Ended() {
		return core.Errorf(core.CodeConflict, "The job has ended already.")
	}
	j.CanceledBy = c.By
	p.end(j, core.JobCanceled)
	return nil
}

// Enqueue implements core.Queue; the gateway never calls it.
func (p *Platform) Enqueue(context.Context, []core.QueuedTask) error { return nil }

// CancelTasks implements core.Queue; the gateway never calls it.
func (p *Platform) CancelTasks(context.Context, []core.TaskID) error { return nil }

// ReportAttempts implements core.Queue; the gateway never calls it.
func (p *Platform) ReportAttempts(context.Context, []core.AttemptReport) error { return nil }

// Waiting implements core.Queue.
func (p *Platform) Waiting(_ context.Context, ids []core.TaskID) ([]string, error) {
	defer p.lock("Waiting")()
	return slices.Repeat([]string{p.Reason}, len(ids)), nil
}
