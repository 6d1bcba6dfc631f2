// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// Job is a job in detail as API v2 shows it.
type Job struct {
	WebURL         string        `json:"web_url"`
	Project        JobProject    `json:"project"`
	ParallelRuns   []ParallelRun `json:"parallel_runs"`
	StartedAt      *time.Time    `json:"started_at"`
	LatestWorkflow Named         `json:"latest_workflow"`
	Name           string        `json:"name"`
	Executor       Executor      `json:"executor"`
	Parallelism    int           `json:"parallelism"`
	Status         string        `json:"status" enum:"success,running,not_run,failed,retried,queued,not_running,infrastructure_fail,timedout,on_hold,terminated-unknown,blocked,canceled,unauthorized"`
	Number         int64         `json:"number"`
	Pipeline       Reference     `json:"pipeline"`
	Duration       *int64        `json:"duration" doc:"milliseconds; null until the job has started"`
	CreatedAt      time.Time     `json:"created_at"`
	Messages       []JobMessage  `json:"messages"`
	Contexts       []ContextName `json:"contexts"`
	Organization   ContextName   `json:"organization"`
	QueuedAt       *time.Time    `json:"queued_at"`
	StoppedAt      *time.Time    `json:"stopped_at,omitempty"`
	ID             string        `json:"id" format:"uuid" doc:"Muster: the job's id, for the routes under /api/muster/v1"`
	SerialGroup    string        `json:"serial_group,omitempty" doc:"Muster: the key of the lock that the job, or its group, needs"`
	SerialHolder   *SerialClaim  `json:"serial_holder,omitempty" doc:"Muster: who has the lock while the job waits for it"`
}

// JobProject is the project of a job.
type JobProject struct {
	ID          string `json:"id" format:"uuid"`
	Slug        string `json:"slug"`
	Name        string `json:"name"`
	ExternalURL string `json:"external_url"`
}

// ParallelRun is one task of a job.
type ParallelRun struct {
	Index  int    `json:"index"`
	Status string `json:"status"`
}

// Named is a thing with an id and a name.
type Named struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name"`
}

// Reference is a thing by its id.
type Reference struct {
	ID string `json:"id" format:"uuid"`
}

// Executor says where a job ran.
type Executor struct {
	Type          string `json:"type,omitempty"`
	ResourceClass string `json:"resource_class"`
}

// JobMessage is a remark about a job.
type JobMessage struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Reason  string `json:"reason,omitempty"`
}

// ContextName is a thing by its name.
type ContextName struct {
	Name string `json:"name"`
}
