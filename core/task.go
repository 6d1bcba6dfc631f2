// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// Task is one parallel run of a job.
type Task struct {
	ID    TaskID `json:"id"`
	Job   JobID  `json:"job_id"`
	Index int    `json:"index"` // CIRCLE_NODE_INDEX, from 0
	// Status is one of queued, running and the final job statuses.
	Status    JobStatus  `json:"status"`
	Reason    string     `json:"reason,omitempty"`
	Attempt   int        `json:"attempt,omitempty"` // the try that the status tells of, from 1
	StartedAt *time.Time `json:"started_at,omitempty"`
	StoppedAt *time.Time `json:"stopped_at,omitempty"`
}

// QueuedTask is what the queue needs to know of a task, and no more: what the
// task does is asked of Tasks when it is placed.
type QueuedTask struct {
	ID           TaskID         `json:"id"`
	Organization OrganizationID `json:"organization_id"`
	Project      ProjectID      `json:"project_id"`
	// Concurrency is the organization's limit; 0 means the queue's default.
	Concurrency   int          `json:"concurrency,omitempty"`
	Executor      ExecutorKind `json:"executor"`
	ResourceClass string       `json:"resource_class,omitempty"`
	// Priority is higher for what should start sooner; 0 is ordinary.
	Priority int `json:"priority,omitempty"`
	// Job is set where one task of the job waits for the others while it runs:
	// that one Follows. It is released, at each of its tries, only while none of
	// the others waits for a place, which might be the one that it would take.
	Job     JobID `json:"job_id,omitempty"`
	Follows bool  `json:"follows,omitempty"`
}

// TaskReport is news of a task on its way to the workflows service. Attempt and
// Status together make it idempotent; one that is older than what is known
// changes nothing.
type TaskReport struct {
	Task    TaskID    `json:"task_id"`
	Attempt int       `json:"attempt"`
	Status  JobStatus `json:"status"` // queued (a new attempt waits), running, or final
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
}

// TaskSpec is everything that running a task takes, but for secrets.
type TaskSpec struct {
	Task     TaskID          `json:"task_id"`
	Job      JobID           `json:"job_id"`
	Workflow WorkflowID      `json:"workflow_id"`
	Pipeline PipelineContext `json:"pipeline"`
	Number   int64           `json:"number"` // the job's, CIRCLE_BUILD_NUM
	// Previous is the highest number below it among the jobs of the project's
	// branch, 0 when there is none or it is far away: CIRCLE_PREVIOUS_BUILD_NUM.
	Previous int64 `json:"previous_number,omitempty"`
	Index    int   `json:"index"` // CIRCLE_NODE_INDEX
	Total    int   `json:"total"` // CIRCLE_NODE_TOTAL
	// WorkflowName and the plan of the job; Plan.Requires is left out.
	WorkflowName string  `json:"workflow_name"`
	Plan         JobPlan `json:"plan"`
	// Setup is true in the workflow of a setup config.
	Setup bool `json:"setup,omitempty"`
	// Workspace is the first workflow of a line of reruns, this one's own id
	// where it is none: CIRCLE_WORKFLOW_WORKSPACE_ID.
	Workspace WorkflowID `json:"workspace_id,omitempty"`
	// Upstream, filled in for a job that attaches the workspace, are the jobs
	// before it, directly or not, that may have left files there or come after
	// such a job, those before it first; a job that a rerun kept stands with the
	// id under which it ran.
	Upstream []UpstreamJob `json:"upstream,omitempty"`
	// SSH lets the user who asked for the job log in to it.
	SSH *SSHAccess `json:"ssh,omitempty"`
	// FailedTests are what a rerun of failed tests is about: the tests that
	// `circleci tests run` is to repeat. Empty means all.
	FailedTests []FailedTest `json:"failed_tests,omitempty"`
}

// UpstreamJob is a job that ended before another could begin.
type UpstreamJob struct {
	Job  JobID  `json:"job_id"`
	Name string `json:"name"`
	// Requires are the places in TaskSpec.Upstream of those that it requires
	// directly.
	Requires []int `json:"requires,omitempty"`
}

// How long a job that was rerun with SSH stays after its last step, or after the
// last session, and how long at most, unless the installation says otherwise.
const (
	SSHIdle = 10 * time.Minute
	SSHMost = 2 * time.Hour
)

// SSHAccess says who may log in to a job.
type SSHAccess struct {
	User UserID `json:"user_id"`
	// Keys are the user's public keys in the form of authorized_keys. They are
	// asked for when the task is placed and empty in a stored spec.
	Keys []string `json:"keys,omitempty"`
	// What the installation allows, filled in with the keys: forwarding of
	// ports, how long the ended job waits while nobody is logged in, and how
	// long at most. Zero durations are SSHIdle and SSHMost.
	Forwarding bool          `json:"forwarding,omitempty"`
	Idle       time.Duration `json:"idle,omitempty"`
	Most       time.Duration `json:"most,omitempty"`
}

// FailedTest names a test by the two names by which test runners are told.
type FailedTest struct {
	File      string `json:"file,omitempty"`
	ClassName string `json:"classname,omitempty"`
}

// Tasks is the side of the workflows service that dispatch talks to.
type Tasks interface {
	// TaskSpecs returns the specs of tasks, in the order asked for; an unknown
	// id is CodeNotFound for all.
	TaskSpecs(ctx context.Context, ids []TaskID) ([]TaskSpec, error)
	// ReportTasks takes news.
	ReportTasks(ctx context.Context, reports []TaskReport) error
	// ReportSerials takes news of claims (Serials) and returns those that nobody
	// needs any more.
	ReportSerials(ctx context.Context, news []SerialNews) ([]SerialID, error)
}
