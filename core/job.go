// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// JobStatus is CircleCI's status of a job.
//
//	blocked ─► queued ─► running ─► success | failed | timedout | infrastructure_fail
//	   │          │          └────► canceled
//	   │          └───────────────► canceled | infrastructure_fail
//	   ├─► on_hold ───────────────► success (approved) | canceled
//	   └─► not_run                        a requirement can no longer be met
//
// The states on the right are final: the first to be reported stays.
type JobStatus string

// The job statuses of CircleCI's API v2.
const (
	JobBlocked            JobStatus = "blocked"
	JobOnHold             JobStatus = "on_hold"
	JobQueued             JobStatus = "queued"
	JobRunning            JobStatus = "running"
	JobSuccess            JobStatus = "success"
	JobFailed             JobStatus = "failed"
	JobTimedOut           JobStatus = "timedout"
	JobInfrastructureFail JobStatus = "infrastructure_fail"
	JobCanceled           JobStatus = "canceled"
	JobUnauthorized       JobStatus = "unauthorized"
	JobNotRun             JobStatus = "not_run"
)

// Ended tells whether the status is final.
func (s JobStatus) Ended() bool {
	switch s {
	case JobBlocked, JobOnHold, JobQueued, JobRunning:
		return false
	default:
		return true
	}
}

// Job is one node of a workflow.
type Job struct {
	ID       JobID      `json:"id"`
	Workflow WorkflowID `json:"workflow_id"`
	Pipeline PipelineID `json:"pipeline_id"`
	Project  ProjectID  `json:"project_id"`
	Name     string     `json:"name"`
	Type     JobType    `json:"type"`
	// Number counts per project from 1; approval and no-op jobs have none (0),
	// and a job has none before it is queued.
	Number int64     `json:"number,omitempty"`
	Status JobStatus `json:"status"`
	// Dependencies are the ids of the jobs that this one requires.
	Dependencies []JobID `json:"dependencies"`
	// ApprovalRequest is what approves an approval job; "" for others.
	ApprovalRequest string `json:"approval_request_id,omitempty"`
	ApprovedBy      UserID `json:"approved_by,omitempty"`
	CanceledBy      UserID `json:"canceled_by,omitempty"`
	// Reason explains a status that its name does not: why a job waits, what
	// Nomad said, what was out of memory. For people.
	Reason string `json:"reason,omitempty"`
	// SerialGroup is the key of the lock that the job, or its group, needs.
	SerialGroup string `json:"serial_group,omitempty"`
	// SerialHolder has that lock while the job waits for it; nil as well when the
	// queue could not be asked.
	SerialHolder *SerialClaim `json:"serial_holder,omitempty"`
	// SSH is the user who may log in, "" for none.
	SSH           UserID       `json:"ssh_user,omitempty"`
	Executor      ExecutorKind `json:"executor,omitempty"`
	ResourceClass string       `json:"resource_class,omitempty"`
	Parallelism   int          `json:"parallelism,omitempty"`
	Tasks         []Task       `json:"tasks,omitempty"` // by index; only where one job is asked for
	QueuedAt      *time.Time   `json:"queued_at,omitempty"`
	StartedAt     *time.Time   `json:"started_at,omitempty"`
	StoppedAt     *time.Time   `json:"stopped_at,omitempty"`
	CreatedAt     time.Time    `json:"created_at"`
}

// JobRef names a job by project and number.
type JobRef struct {
	Project ProjectID `json:"project_id"`
	Number  int64     `json:"number"`
}

// JobCancel ends a job.
type JobCancel struct {
	Job JobID  `json:"job_id"`
	By  UserID `json:"by"`
}

// Jobs answers for the jobs of workflows; the workflows service keeps them.
type Jobs interface {
	// WorkflowJobs returns a workflow's jobs in the order of its config.
	WorkflowJobs(ctx context.Context, id WorkflowID) ([]Job, error)
	// Job returns one with its tasks.
	Job(ctx context.Context, id JobID) (Job, error)
	// JobByNumber returns one with its tasks.
	JobByNumber(ctx context.Context, ref JobRef) (Job, error)
	// CancelJob ends one; CodeConflict when it has ended already.
	CancelJob(ctx context.Context, c JobCancel) error
}
