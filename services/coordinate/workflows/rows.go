// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// pipeline is a row of pipelines.
type pipeline struct {
	bun.BaseModel `bun:"table:pipelines"`

	ID       core.PipelineID                  `bun:"id,pk"`
	Canceled bool                             `bun:"canceled"`
	Context  store.JSON[core.PipelineContext] `bun:"context,type:text"`
	// CanceledAt is when Canceled was set.
	CanceledAt store.Time `bun:"canceled_at,type:bigint"`
}

// workflow is a row of workflows. Only its state ever changes.
type workflow struct {
	bun.BaseModel `bun:"table:workflows"`

	ID             core.WorkflowID     `bun:"id,pk"`
	Pipeline       core.PipelineID     `bun:"pipeline_id"`
	PipelineNumber int64               `bun:"pipeline_number"`
	Position       int                 `bun:"position"` // among those created with it
	Organization   core.OrganizationID `bun:"organization_id"`
	Concurrency    int                 `bun:"concurrency"`
	Project        core.ProjectID      `bun:"project_id"`
	ProjectSlug    string              `bun:"project_slug"`
	Branch         string              `bun:"branch"`
	Name           string              `bun:"name"`

	StartedBy core.UserID     `bun:"started_by"`
	ErroredBy string          `bun:"errored_by"`
	RerunOf   core.WorkflowID `bun:"rerun_of"`
	// Workspace is the first workflow of a line of reruns, "" in the first.
	Workspace core.WorkflowID `bun:"workspace_id"`
	Setup     bool            `bun:"setup"` // of a setup config
	// AutoRerun of MaxAutoReruns is the rerun of itself that this workflow is.
	AutoRerun     int `bun:"auto_rerun"`
	MaxAutoReruns int `bun:"max_auto_reruns"`
	// Groups are its job groups that need a serial group; Serial tells that it
	// has holds.
	Groups store.JSON[[]core.GroupPlan] `bun:"job_groups,type:text"`
	Serial bool                         `bun:"serial"`
	// Supersedes: its arrival makes older ones of the branch redundant.
	// Redundant: a newer one's arrival may end it.
	Supersedes bool       `bun:"supersedes"`
	Redundant  bool       `bun:"redundant"`
	CreatedAt  store.Time `bun:"created_at,type:bigint"`
	workflowState
}

type workflowState struct {
	Status      core.WorkflowStatus `bun:"status"`
	Tally       store.JSON[tally]   `bun:"tally,type:text"`
	CancelAsked bool                `bun:"cancel_asked"`
	CanceledBy  core.UserID         `bun:"canceled_by"`
	StoppedAt   store.Time          `bun:"stopped_at,type:bigint"`
}

// workflowUpdate writes the state of a workflow. Updates have models of their
// own so that a statement over hundreds of rows carries, and has parsed, only
// the columns that change.
type workflowUpdate struct {
	bun.BaseModel `bun:"table:workflows"`
	ID            core.WorkflowID `bun:"id,pk"`
	workflowState
}

func (w *workflow) noun() core.Workflow {
	return core.Workflow{
		ID: w.ID, Name: w.Name, Pipeline: w.Pipeline, PipelineNumber: w.PipelineNumber,
		Project: w.Project, ProjectSlug: w.ProjectSlug, Status: w.Status,
		StartedBy: w.StartedBy, CanceledBy: w.CanceledBy, ErroredBy: w.ErroredBy,
		RerunOf: w.RerunOf, Workspace: w.Workspace, AutoRerun: w.AutoRerun, MaxAutoReruns: w.MaxAutoReruns, Setup: w.Setup, CreatedAt: w.CreatedAt.Time(), StoppedAt: w.StoppedAt.Ptr(),
	}
}

// job is a row of jobs. Only its state ever changes.
type job struct {
	bun.BaseModel `bun:"table:jobs"`

	ID            core.JobID        `bun:"id,pk"`
	Workflow      core.WorkflowID   `bun:"workflow_id"`
	Index         int               `bun:"idx"` // its place in the plan
	Pipeline      core.PipelineID   `bun:"pipeline_id"`
	Project       core.ProjectID    `bun:"project_id"`
	Name          string            `bun:"name"`
	Type          core.JobType      `bun:"type"`
	Executor      core.ExecutorKind `bun:"executor"`
	ResourceClass string            `bun:"resource_class"`
	Parallelism   int               `bun:"parallelism"`
	Approval      string            `bun:"approval_id"`
	// Origin is the job whose tasks these are: itself, or for a job that a rerun
	// kept the one that ran.
	Origin   core.JobID `bun:"origin_id"`
	Copied   bool       `bun:"copied"`
	Persists bool       `bun:"persists"` // it leaves files in the workspace
	Deploys  bool       `bun:"deploys"`  // its first task waits for the others
	// Hold is what the job needs of a serial group, "" for a kept job.
	Hold      core.SerialID `bun:"hold_id"`
	SerialKey string        `bun:"serial_key"`
	// SSH is the user who may log in to the job.
	SSH       core.UserID `bun:"ssh_user"`
	CreatedAt store.Time  `bun:"created_at,type:bigint"`
	jobState
}

type jobState struct {
	Status core.JobStatus `bun:"status"`
	Number int64          `bun:"number"`
	Waits  bool           `bun:"waits"` // queued without tasks, for its serial group
	// Unmet counts requirements whose job has not ended, OpenTasks tasks that
	// have not. Outcome is the worst end of a task so far.
	Unmet         int            `bun:"unmet"`
	OpenTasks     int            `bun:"open_tasks"`
	Outcome       core.JobStatus `bun:"outcome"`
	OutcomeReason string         `bun:"outcome_reason"`
	Reason        string         `bun:"reason"`
	ApprovedBy    core.UserID    `bun:"approved_by"`
	CancelAsked   bool           `bun:"cancel_asked"`
	CanceledBy    core.UserID    `bun:"canceled_by"`
	QueuedAt      store.Time     `bun:"queued_at,type:bigint"`
	StartedAt     store.Time     `bun:"started_at,type:bigint"`
	StoppedAt     store.Time     `bun:"stopped_at,type:bigint"`
}

// jobUpdate writes the state of a job.
type jobUpdate struct {
	bun.BaseModel `bun:"table:jobs"`
	ID            core.JobID `bun:"id,pk"`
	jobState
}

func (j *job) noun() core.Job {
	return core.Job{
		ID: j.ID, Workflow: j.Workflow, Pipeline: j.Pipeline, Project: j.Project,
		Name: j.Name, Type: j.Type, Number: j.Number, Status: j.Status,
		Dependencies: []core.JobID{}, ApprovalRequest: j.Approval, ApprovedBy: j.ApprovedBy,
		CanceledBy: j.CanceledBy, Reason: j.Reason, SSH: j.SSH, SerialGroup: j.SerialKey, Executor: j.Executor,
		ResourceClass: j.ResourceClass, Parallelism: j.Parallelism,
		QueuedAt: j.QueuedAt.Ptr(), StartedAt: j.StartedAt.Ptr(), StoppedAt: j.StoppedAt.Ptr(),
		CreatedAt: j.CreatedAt.Time(),
	}
}

// jobPlan is a row of job_plans.
type jobPlan struct {
	bun.BaseModel `bun:"table:job_plans"`

	Job        core.JobID               `bun:"job_id,pk"`
	Requires   store.JSON[[]link]       `bun:"requires,type:text"`
	Dependents store.JSON[[]link]       `bun:"dependents,type:text"`
	Plan       store.JSON[core.JobPlan] `bun:"plan,type:text"`
}

// task is a row of tasks.
type task struct {
	bun.BaseModel `bun:"table:tasks"`

	ID       core.TaskID     `bun:"id,pk"`
	Job      core.JobID      `bun:"job_id"`
	Workflow core.WorkflowID `bun:"workflow_id"`
	Index    int             `bun:"idx"`
	taskState
}

type taskState struct {
	Status    core.JobStatus `bun:"status"`
	Attempt   int            `bun:"attempt"`
	Reason    string         `bun:"reason"`
	StartedAt store.Time     `bun:"started_at,type:bigint"`
	StoppedAt store.Time     `bun:"stopped_at,type:bigint"`
}

// taskUpdate writes the state of a task.
type taskUpdate struct {
	bun.BaseModel `bun:"table:tasks"`
	ID            core.TaskID `bun:"id,pk"`
	taskState
}

func (t *task) noun() core.Task {
	return core.Task{
		ID: t.ID, Job: t.Job, Index: t.Index, Status: t.Status, Reason: t.Reason,
		Attempt: t.Attempt, StartedAt: t.StartedAt.Ptr(), StoppedAt: t.StoppedAt.Ptr(),
	}
}

// handover is a row of task_handovers; its id is the task's. The queue hears
// Enqueue first and Cancel second, whenever each was asked for.
type handover struct {
	bun.BaseModel `bun:"table:task_handovers"`
	work.Item

	Task    store.JSON[core.QueuedTask] `bun:"queued_task,type:text"`
	Enqueue bool                        `bun:"enqueue"`
	Cancel  bool                        `bun:"cancel"`
}

// branch is a row of branches.
type branch struct {
	bun.BaseModel `bun:"table:branches"`
	work.Item

	Project core.ProjectID `bun:"project_id"`
	Branch  string         `bun:"branch"`
}
