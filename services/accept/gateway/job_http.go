// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// job is the job in an address with a slug and a number.
func (s *Service) job(r *request) (core.Job, core.Project, error) {
	project, err := r.project()
	if err != nil {
		return core.Job{}, core.Project{}, err
	}
	number, err := r.number("number")
	if err != nil {
		return core.Job{}, core.Project{}, err
	}
	job, err := s.deps.Peers.Jobs.JobByNumber(r.ctx(), core.JobRef{Project: project.ID, Number: number})
	return job, project, err
}

// jobByID is the job in an address with an id.
func (s *Service) jobByID(r *request) (core.Job, error) {
	id, err := r.id("id")
	if err != nil {
		return core.Job{}, err
	}
	return s.deps.Peers.Jobs.Job(r.ctx(), core.JobID(id))
}

// getJob answers GET /project/{slug}/job/{number}.
func (s *Service) getJob(r *request) (any, error) {
	job, project, err := s.job(r)
	if err != nil {
		return nil, err
	}
	workflow, err := s.deps.Peers.Workflows.Workflow(r.ctx(), job.Workflow)
	if err != nil {
		return nil, err
	}
	s.explain(r, &job)
	return showJob(job, project, workflow, s.url, s.deps.Clock()), nil
}

// explain fills in why a queued job and its tasks wait. The queue knows that
// better than anybody; when it is away, the job is shown without.
func (s *Service) explain(r *request, job *core.Job) {
	if job.Status != core.JobQueued || len(job.Tasks) == 0 {
		return
	}
	ids := make([]core.TaskID, len(job.Tasks))
	for i, task := range job.Tasks {
		ids[i] = task.ID
	}
	reasons, err := s.deps.Peers.Queue.Waiting(r.ctx(), ids)
	if err != nil || len(reasons) != len(ids) {
		return
	}
	for i, reason := range reasons {
		if job.Tasks[i].Reason == "" {
			job.Tasks[i].Reason = reason
		}
		if job.Reason == "" {
			job.Reason = reason
		}
	}
}

// cancelJobByNumber answers POST /project/{slug}/job/{number}/cancel.
func (s *Service) cancelJobByNumber(r *request) (any, error) {
	job, _, err := s.job(r)
	if err != nil {
		return nil, err
	}
	return s.cancelled(r, job.ID)
}

// cancelJob answers POST /jobs/{id}/cancel.
func (s *Service) cancelJob(r *request) (any, error) {
	id, err := r.id("id")
	if err != nil {
		return nil, err
	}
	return s.cancelled(r, core.JobID(id))
}

func (s *Service) cancelled(r *request, id core.JobID) (any, error) {
	if err := s.deps.Peers.Jobs.CancelJob(r.ctx(), core.JobCancel{Job: id, By: r.user.ID}); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("job cancellation requested", "job_id", id, "user_id", r.user.ID)
	return api.Message{Message: "Job canceled."}, nil
}

// jobSteps answers GET /jobs/{id}/steps.
func (s *Service) jobSteps(r *request) (any, error) {
	job, err := s.jobByID(r)
	if err != nil {
		return nil, err
	}
	s.explain(r, &job)
	attempts, err := s.attempts(r, job)
	if err != nil {
		return nil, err
	}
	return showJobSteps(job, attempts), nil
}

// attempts are those of all tasks of a job.
func (s *Service) attempts(r *request, job core.Job) ([]core.AttemptSteps, error) {
	if len(job.Tasks) == 0 {
		return nil, nil
	}
	ids := make([]core.TaskID, len(job.Tasks))
	for i, task := range job.Tasks {
		ids[i] = task.ID
	}
	return s.deps.Peers.Output.TaskSteps(r.ctx(), ids)
}

// build answers GET /api/v1.1/project/{vcs}/{org}/{project}/{number}.
func (s *Service) build(r *request) (any, error) {
	job, project, err := s.job(r)
	if err != nil {
		return nil, err
	}
	workflow, err := s.deps.Peers.Workflows.Workflow(r.ctx(), job.Workflow)
	if err != nil {
		return nil, err
	}
	pipeline, err := s.deps.Peers.Pipelines.Pipeline(r.ctx(), job.Pipeline)
	if err != nil {
		return nil, err
	}
	attempts, err := s.attempts(r, job)
	if err != nil {
		return nil, err
	}
	s.explain(r, &job)
	return showBuild(buildParts{job: job, project: project, workflow: workflow, pipeline: pipeline, attempts: attempts, url: s.url}), nil
}
