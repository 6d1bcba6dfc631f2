// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

func (s *Service) workflow(r *request) (core.Workflow, error) {
	id, err := r.id("id")
	if err != nil {
		return core.Workflow{}, err
	}
	return s.deps.Peers.Workflows.Workflow(r.ctx(), core.WorkflowID(id))
}

// getWorkflow answers GET /workflow/{id}.
func (s *Service) getWorkflow(r *request) (any, error) {
	w, err := s.workflow(r)
	return showWorkflow(w), err
}

// workflowJobs answers GET /workflow/{id}/job.
func (s *Service) workflowJobs(r *request) (any, error) {
	w, err := s.workflow(r)
	if err != nil {
		return nil, err
	}
	jobs, err := s.deps.Peers.Jobs.WorkflowJobs(r.ctx(), w.ID)
	if err != nil {
		return nil, err
	}
	items := make([]api.WorkflowJob, 0, len(jobs))
	for _, j := range jobs {
		items = append(items, showWorkflowJob(j, w.ProjectSlug))
	}
	return api.NewList(items, ""), nil
}

// cancelWorkflow answers POST /workflow/{id}/cancel.
func (s *Service) cancelWorkflow(r *request) (any, error) {
	id, err := r.id("id")
	if err != nil {
		return nil, err
	}
	if err := s.deps.Peers.Workflows.CancelWorkflow(r.ctx(), core.WorkflowCancel{Workflow: core.WorkflowID(id), By: r.user.ID}); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("workflow cancellation requested", "workflow_id", id, "user_id", r.user.ID)
	return api.Message{Message: api.Accepted}, nil
}

// maxRerunJobs bounds the list of jobs in a rerun.
const maxRerunJobs = 10_000

// rerunWorkflow answers POST /workflow/{id}/rerun.
func (s *Service) rerunWorkflow(r *request) (any, error) {
	id, err := r.id("id")
	if err != nil {
		return nil, err
	}
	var in api.RerunRequest
	if err := r.body(&in); err != nil {
		return nil, err
	}
	switch {
	case in.EnableSSH && len(in.Jobs) == 0:
		return nil, core.Errorf(core.CodeInvalid, "enable_ssh is for single jobs; name them in jobs.")
	case in.SparseTree:
		return nil, core.Errorf(core.CodeInvalid, "sparse_tree is not available; leave it away.")
	case in.FromFailed && len(in.Jobs) > 0:
		return nil, core.Errorf(core.CodeInvalid, "from_failed and jobs exclude each other.")
	case in.FailedTests && !in.FromFailed:
		return nil, core.Errorf(core.CodeInvalid, "failed_tests needs from_failed.")
	case len(in.Jobs) > maxRerunJobs:
		return nil, core.Errorf(core.CodeInvalid, "A rerun may name %d jobs.", maxRerunJobs)
	}
	if err := s.mayRerun(r, core.WorkflowID(id), in); err != nil {
		return nil, err
	}
	fresh, err := s.chosenID(r, "rerun", id)
	if err != nil {
		return nil, err
	}
	rerun := core.Rerun{ID: core.WorkflowID(fresh), Workflow: core.WorkflowID(id), FromFailed: in.FromFailed, FailedTests: in.FailedTests, SSH: in.EnableSSH, By: r.user.ID}
	for _, job := range in.Jobs {
		rerun.Jobs = append(rerun.Jobs, core.JobID(job))
	}
	w, err := s.deps.Peers.Workflows.RerunWorkflow(r.ctx(), rerun)
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("workflow rerun", "workflow_id", w.ID, "rerun_of", id, "ssh", in.EnableSSH, "user_id", r.user.ID)
	return api.Rerun{WorkflowID: string(w.ID)}, nil
}

// mayRerun asks the project as it is now, which may have been closed to new work
// or to SSH since the pipeline was triggered.
func (s *Service) mayRerun(r *request, id core.WorkflowID, in api.RerunRequest) error {
	w, err := s.deps.Peers.Workflows.Workflow(r.ctx(), id)
	if err != nil {
		return err
	}
	p, err := s.deps.Peers.Projects.Project(r.ctx(), w.Project)
	if err != nil {
		return err
	}
	if in.EnableSSH && p.Settings.NoSSH {
		return core.Errorf(core.CodeForbidden, "SSH into builds is disabled in the project %s; an administrator can allow it in its settings.", p.Slug())
	}
	return p.Refusal()
}

// approve answers POST /workflow/{id}/approve/{approval_request_id}.
func (s *Service) approve(r *request) (any, error) {
	id, err := r.id("id")
	if err != nil {
		return nil, err
	}
	approval, err := r.id("approval")
	if err != nil {
		return nil, err
	}
	if err := s.deps.Peers.Workflows.Approve(r.ctx(), core.Approval{Workflow: core.WorkflowID(id), Request: approval, By: r.user.ID}); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("job approved", "workflow_id", id, "user_id", r.user.ID)
	return api.Message{Message: api.Accepted}, nil
}
