// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// maxSpecs bounds one answer of TaskSpecs.
const maxSpecs = 1000

// TaskSpecs implements core.Tasks.
func (s *Service) TaskSpecs(ctx context.Context, ids []core.TaskID) ([]core.TaskSpec, error) {
	if len(ids) > maxSpecs {
		return nil, core.Errorf(core.CodeInvalid, "specs of %d tasks were asked for; ask for %d at a time", len(ids), maxSpecs)
	}
	if len(ids) == 0 {
		return []core.TaskSpec{}, nil
	}
	t, err := s.readSpecs(ctx, ids)
	if err != nil {
		return nil, readFailure("reading task specs", err)
	}
	out := make([]core.TaskSpec, len(ids))
	for i, id := range ids {
		row := t.tasks[id]
		if row == nil {
			return nil, core.Errorf(core.CodeNotFound, "there is no task %s", id)
		}
		out[i] = t.spec(row)
	}
	if err := s.fillUpstream(ctx, t, out); err != nil {
		return nil, readFailure("reading what jobs come after", err)
	}
	if err := s.fillPrevious(ctx, t, out); err != nil {
		return nil, readFailure("reading the numbers of jobs before", err)
	}
	if err := s.fillFailed(ctx, t, out); err != nil {
		return nil, readFailure("reading the tests to repeat", err)
	}
	return out, nil
}

// specRows are the rows that specs are made of.
type specRows struct {
	tasks     map[core.TaskID]*task
	jobs      map[core.JobID]*job
	plans     map[core.JobID]core.JobPlan
	workflows map[core.WorkflowID]*workflow
	pipelines map[core.PipelineID]core.PipelineContext
}

func (t specRows) spec(row *task) core.TaskSpec {
	j := t.jobs[row.Job]
	w := t.workflows[row.Workflow]
	plan := t.plans[row.Job]
	plan.Requires = nil
	spec := core.TaskSpec{
		Task: row.ID, Job: row.Job, Workflow: row.Workflow,
		Pipeline: t.pipelines[j.Pipeline], Number: j.Number,
		Index: row.Index, Total: j.Parallelism,
		WorkflowName: w.Name, Plan: plan, Setup: w.Setup,
		Workspace: cmp.Or(w.Workspace, w.ID),
	}
	if j.SSH != "" {
		spec.SSH = &core.SSHAccess{User: j.SSH}
	}
	return spec
}

// readSpecs reads one table after the other: none of what is read ever changes
// once a task is there.
func (s *Service) readSpecs(ctx context.Context, ids []core.TaskID) (specRows, error) {
	var tasks []*task
	if err := s.db.NewSelect().Model(&tasks).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return specRows{}, err
	}
	t := specRows{tasks: byKey(tasks, func(t *task) core.TaskID { return t.ID })}
	if len(tasks) == 0 {
		return t, nil
	}
	var jobs []*job
	wanted := keysOf(tasks, func(t *task) core.JobID { return t.Job })
	if err := s.db.NewSelect().Model(&jobs).Where("id IN (?)", bun.List(wanted)).Scan(ctx); err != nil {
		return t, err
	}
	var plans []*jobPlan
	if err := s.db.NewSelect().Model(&plans).Column("job_id", "plan").Where("job_id IN (?)", bun.List(wanted)).Scan(ctx); err != nil {
		return t, err
	}
	var workflows []*workflow
	flows := keysOf(jobs, func(j *job) core.WorkflowID { return j.Workflow })
	if err := s.db.NewSelect().Model(&workflows).Where("id IN (?)", bun.List(flows)).Scan(ctx); err != nil {
		return t, err
	}
	var pipelines []*pipeline
	origins := keysOf(jobs, func(j *job) core.PipelineID { return j.Pipeline })
	if err := s.db.NewSelect().Model(&pipelines).Where("id IN (?)", bun.List(origins)).Scan(ctx); err != nil {
		return t, err
	}
	t.jobs = byKey(jobs, func(j *job) core.JobID { return j.ID })
	t.workflows = byKey(workflows, func(w *workflow) core.WorkflowID { return w.ID })
	t.plans, t.pipelines = map[core.JobID]core.JobPlan{}, map[core.PipelineID]core.PipelineContext{}
	for _, p := range plans {
		t.plans[p.Job] = p.Plan.V
	}
	for _, p := range pipelines {
		t.pipelines[p.ID] = p.Context.V
	}
	return t, nil
}

func byKey[K comparable, V any](rows []V, key func(V) K) map[K]V {
	out := make(map[K]V, len(rows))
	for _, row := range rows {
		out[key(row)] = row
	}
	return out
}

func keysOf[K comparable, V any](rows []V, key func(V) K) []K {
	return slices.Collect(maps.Keys(byKey(rows, key)))
}
