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
	Index    int             `json:"index"`  // CIRCLE_NODE_INDEX
	Total    int             `json:"total"`  // CIRCLE_NODE_TOTAL
	// WorkflowName and the plan of the job; Plan.Requires is left out.
	WorkflowName string  `json:"workflow_name"`
	Plan         JobPlan `json:"plan"`
	// Setup is true in the workflow of a setup config.
	Setup bool `json:"setup,omitempty"`
}

// Tasks is the side of the workflows service that dispatch talks to.
type Tasks interface {
	// TaskSpecs returns the specs of tasks, in the order asked for; an unknown
	// id is CodeNotFound for all.
	TaskSpecs(ctx context.Context, ids []TaskID) ([]TaskSpec, error)
	// ReportTasks takes news.
	ReportTasks(ctx context.Context, reports []TaskReport) error
}
