// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// readFailure wraps the error of a read, and says so when it is the database
// that is away: callers try that again.
func readFailure(doing string, err error) error {
	if store.IsUnavailable(err) {
		return &core.Error{Code: core.CodeUnavailable, Message: doing + ": the database cannot be reached just now", Err: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Workflow implements core.Workflows.
func (s *Service) Workflow(ctx context.Context, id core.WorkflowID) (core.Workflow, error) {
	var w workflow
	err := s.db.NewSelect().Model(&w).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return core.Workflow{}, unknownWorkflow(id)
	}
	if err != nil {
		return core.Workflow{}, readFailure("reading the workflow", err)
	}
	return w.noun(), nil
}

// PipelineWorkflows implements core.Workflows. Workflows that came together
// stand in the order of the config.
func (s *Service) PipelineWorkflows(ctx context.Context, id core.PipelineID) ([]core.Workflow, error) {
	var rows []*workflow
	err := s.db.NewSelect().Model(&rows).Where("pipeline_id = ?", id).Order("created_at DESC", "position", "id").Scan(ctx)
	if err != nil {
		return nil, readFailure("reading the pipeline's workflows", err)
	}
	out := make([]core.Workflow, len(rows))
	for i, w := range rows {
		out[i] = w.noun()
	}
	return out, nil
}

// WorkflowJobs implements core.Jobs.
func (s *Service) WorkflowJobs(ctx context.Context, id core.WorkflowID) ([]core.Job, error) {
	var rows []*job
	if err := s.db.NewSelect().Model(&rows).Where("workflow_id = ?", id).Order("idx").Scan(ctx); err != nil {
		return nil, readFailure("reading jobs", err)
	}
	if len(rows) == 0 {
		// Tells a workflow without jobs from none.
		if _, err := s.Workflow(ctx, id); err != nil {
			return nil, err
		}
	}
	var plans []jobPlan
	err := s.db.NewSelect().Model(&plans).Column("job_id", "requires").
		Where("job_id IN (?)", s.db.NewSelect().Model((*job)(nil)).Column("id").Where("workflow_id = ?", id)).Scan(ctx)
	if err != nil {
		return nil, readFailure("reading requirements", err)
	}
	requires := make(map[core.JobID][]link, len(plans))
	for _, p := range plans {
		requires[p.Job] = p.Requires.V
	}
	out := make([]core.Job, len(rows))
	for i, j := range rows {
		out[i] = j.noun()
		describe(&out[i], j, requires[j.ID], func(place int) *job { return rows[place] })
	}
	s.explainSerials(ctx, rows, out)
	s.explainQueued(ctx, rows, out)
	return out, nil
}

// Job implements core.Jobs.
func (s *Service) Job(ctx context.Context, id core.JobID) (core.Job, error) {
	found, err := s.oneJob(ctx, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", id) })
	if found == nil && err == nil {
		err = core.Errorf(core.CodeNotFound, "there is no job %s", id)
	}
	if err != nil {
		return core.Job{}, err
	}
	return *found, nil
}

// JobByNumber implements core.Jobs. A number that reruns kept belongs to the
// job that ran.
func (s *Service) JobByNumber(ctx context.Context, ref core.JobRef) (core.Job, error) {
	found, err := s.oneJob(ctx, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("project_id = ?", ref.Project).Where("number = ?", ref.Number).Where("number > 0").Where("NOT copied")
	})
	if found == nil && err == nil {
		err = core.Errorf(core.CodeNotFound, "the project has no job %d", ref.Number)
	}
	if err != nil {
		return core.Job{}, err
	}
	return *found, nil
}

// oneJob returns a job with its tasks and all that it waits for, nil when there
// is none.
func (s *Service) oneJob(ctx context.Context, narrow func(*bun.SelectQuery) *bun.SelectQuery) (*core.Job, error) {
	var j job
	err := narrow(s.db.NewSelect().Model(&j)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, readFailure("reading the job", err)
	}
	required, links, err := s.required(ctx, &j)
	if err != nil {
		return nil, err
	}
	var tasks []*task
	if err := s.db.NewSelect().Model(&tasks).Where("job_id = ?", j.Origin).Order("idx").Scan(ctx); err != nil {
		return nil, readFailure("reading tasks", err)
	}
	out := j.noun()
	describe(&out, &j, links, func(place int) *job { return required[place] })
	for _, t := range tasks {
		out.Tasks = append(out.Tasks, t.noun())
	}
	s.explainTasks(ctx, &j, &out)
	shown := []core.Job{out}
	s.explainSerials(ctx, []*job{&j}, shown)
	return &shown[0], nil
}

// required returns the jobs that j requires, by their places.
func (s *Service) required(ctx context.Context, j *job) (map[int]*job, []link, error) {
	var plan jobPlan
	if err := s.db.NewSelect().Model(&plan).Column("requires").Where("job_id = ?", j.ID).Scan(ctx); err != nil {
		return nil, nil, readFailure("reading requirements", err)
	}
	ids := make([]core.JobID, len(plan.Requires.V))
	for i, l := range plan.Requires.V {
		ids[i] = jobID(j.Workflow, l.Job)
	}
	b := newBoard(s.now())
	if err := loadJobs(ctx, s.db, b, ids); err != nil {
		return nil, nil, err
	}
	byPlace := make(map[int]*job, len(b.jobs))
	for _, r := range b.jobs {
		byPlace[r.Index] = r
	}
	return byPlace, plan.Requires.V, nil
}
