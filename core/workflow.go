// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// WorkflowStatus is CircleCI's status of a workflow. How one follows from the
// statuses of the jobs is drawn in services/coordinate/workflows.
type WorkflowStatus string

// The workflow statuses of CircleCI's API v2.
const (
	WorkflowSuccess      WorkflowStatus = "success"
	WorkflowRunning      WorkflowStatus = "running"
	WorkflowNotRun       WorkflowStatus = "not_run"
	WorkflowFailed       WorkflowStatus = "failed"
	WorkflowError        WorkflowStatus = "error"
	WorkflowFailing      WorkflowStatus = "failing"
	WorkflowOnHold       WorkflowStatus = "on_hold"
	WorkflowCanceled     WorkflowStatus = "canceled"
	WorkflowUnauthorized WorkflowStatus = "unauthorized"
)

// Ended tells whether the status is final.
func (s WorkflowStatus) Ended() bool {
	switch s {
	case WorkflowRunning, WorkflowFailing, WorkflowOnHold:
		return false
	default:
		return true
	}
}

// Workflow is one run of one workflow of a pipeline.
type Workflow struct {
	ID             WorkflowID     `json:"id"`
	Name           string         `json:"name"`
	Pipeline       PipelineID     `json:"pipeline_id"`
	PipelineNumber int64          `json:"pipeline_number"`
	Project        ProjectID      `json:"project_id"`
	ProjectSlug    string         `json:"project_slug"`
	Status         WorkflowStatus `json:"status"`
	StartedBy      UserID         `json:"started_by"`
	CanceledBy     UserID         `json:"canceled_by,omitempty"`
	ErroredBy      string         `json:"errored_by,omitempty"`
	// RerunOf is the workflow that this one repeats.
	RerunOf WorkflowID `json:"rerun_of,omitempty"`
	// Workspace is the first workflow of a line of reruns, "" in the first.
	Workspace WorkflowID `json:"workspace_id,omitempty"`
	// AutoRerun counts the reruns by itself that led to this workflow, and
	// MaxAutoReruns how many there may be; both are 0 in what a person reran.
	AutoRerun     int `json:"auto_rerun_number,omitempty"`
	MaxAutoReruns int `json:"max_auto_reruns,omitempty"`
	// Setup marks the workflow of a setup config.
	Setup     bool       `json:"setup,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	StoppedAt *time.Time `json:"stopped_at,omitempty"`
}

// NewWorkflow asks for a workflow.
type NewWorkflow struct {
	ID       WorkflowID      `json:"id"` // chosen by the caller
	Pipeline PipelineContext `json:"pipeline"`
	Plan     WorkflowPlan    `json:"plan"`
	// Setup marks the workflow of a setup config: its jobs get the key that
	// continues the pipeline, and it is never repeated.
	Setup bool `json:"setup,omitempty"`
}

// PipelineContext is what the later stages need to know of a workflow's
// pipeline. It travels with the hand-over, so that nobody asks for it per job.
type PipelineContext struct {
	ID      PipelineID `json:"id"`
	Number  int64      `json:"number"`
	Project Project    `json:"project"`
	Trigger Trigger    `json:"trigger"`
	Source  Source     `json:"source"`
}

// Rerun asks for a workflow again.
type Rerun struct {
	// ID is the new workflow's, chosen by the caller.
	ID       WorkflowID `json:"id"`
	Workflow WorkflowID `json:"workflow_id"`
	// FromFailed keeps what succeeded and repeats the rest. Jobs names single
	// jobs to repeat with all that depend on them; it excludes FromFailed.
	FromFailed bool    `json:"from_failed,omitempty"`
	Jobs       []JobID `json:"jobs,omitempty"`
	// FailedTests has `circleci tests run` in the failed jobs repeat only what
	// failed there; it needs FromFailed. CodeConflict when no test is known to
	// have failed, CodeUnavailable while that cannot be said.
	FailedTests bool `json:"failed_tests,omitempty"`
	// SSH lets By log in to Jobs, which it needs.
	SSH bool   `json:"ssh,omitempty"`
	By  UserID `json:"by"`
}

// WorkflowCancel ends a workflow.
type WorkflowCancel struct {
	Workflow WorkflowID `json:"workflow_id"`
	By       UserID     `json:"by"`
}

// Workflows keeps workflows and decides what runs in what order.
type Workflows interface {
	// CreateWorkflows accepts workflows; those that exist are left alone.
	CreateWorkflows(ctx context.Context, ws []NewWorkflow) error
	// Workflow returns one by id, CodeNotFound otherwise.
	Workflow(ctx context.Context, id WorkflowID) (Workflow, error)
	// PipelineWorkflows returns a pipeline's, newest first.
	PipelineWorkflows(ctx context.Context, id PipelineID) ([]Workflow, error)
	// CancelWorkflow ends one; CodeConflict when it has ended already.
	CancelWorkflow(ctx context.Context, c WorkflowCancel) error
	// CancelPipelineWorkflows ends all of a pipeline that have not ended, and
	// those that may still be created for it.
	CancelPipelineWorkflows(ctx context.Context, id PipelineID) error
	// RerunWorkflow starts a new workflow out of an ended one's plan.
	RerunWorkflow(ctx context.Context, r Rerun) (Workflow, error)
	// Approve releases an approval job; approving twice is CodeConflict.
	Approve(ctx context.Context, a Approval) error
}

// Approval releases the approval job whose ApprovalRequest is Request.
type Approval struct {
	Workflow WorkflowID `json:"workflow_id"`
	Request  string     `json:"approval_request_id"`
	By       UserID     `json:"by"`
}
