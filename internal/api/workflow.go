// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// Workflow is a workflow as API v2 shows it.
type Workflow struct {
	PipelineID     string     `json:"pipeline_id" format:"uuid"`
	ID             string     `json:"id" format:"uuid"`
	Name           string     `json:"name"`
	ProjectSlug    string     `json:"project_slug"`
	Status         string     `json:"status" enum:"success,running,not_run,failed,error,failing,on_hold,canceled,unauthorized"`
	StartedBy      string     `json:"started_by"`
	CanceledBy     string     `json:"canceled_by,omitempty"`
	ErroredBy      string     `json:"errored_by,omitempty"`
	PipelineNumber int64      `json:"pipeline_number"`
	Tag            string     `json:"tag,omitempty" enum:"setup"`
	AutoRerun      int        `json:"auto_rerun_number,omitempty" doc:"which rerun by itself this is, from 1"`
	MaxAutoReruns  int        `json:"max_auto_reruns,omitempty" doc:"how often the workflow reruns itself"`
	RerunOf        string     `json:"rerun_of,omitempty" doc:"Muster: the workflow that this one repeats"`
	CreatedAt      time.Time  `json:"created_at"`
	StoppedAt      *time.Time `json:"stopped_at"`
}

// WorkflowJob is a job in the list of a workflow's jobs.
type WorkflowJob struct {
	ID                string       `json:"id" format:"uuid"`
	Name              string       `json:"name"`
	Type              string       `json:"type" enum:"build,approval,no-op,lock,unlock"`
	Status            string       `json:"status" enum:"success,running,not_run,failed,retried,queued,not_running,infrastructure_fail,timedout,on_hold,terminated-unknown,blocked,canceled,unauthorized"`
	JobNumber         int64        `json:"job_number,omitempty" doc:"absent for jobs that have no number (yet)"`
	Dependencies      []string     `json:"dependencies"`
	ProjectSlug       string       `json:"project_slug"`
	ApprovalRequestID string       `json:"approval_request_id,omitempty"`
	ApprovedBy        string       `json:"approved_by,omitempty"`
	CanceledBy        string       `json:"canceled_by,omitempty"`
	StartedAt         *time.Time   `json:"started_at"`
	StoppedAt         *time.Time   `json:"stopped_at,omitempty"`
	Reason            string       `json:"reason,omitempty" doc:"Muster: why the job waits, or what a status does not tell"`
	SSHEnabled        bool         `json:"ssh_enabled,omitempty" doc:"Muster: a user may log in to the job"`
	SerialGroup       string       `json:"serial_group,omitempty" doc:"Muster: the key of the lock that the job, or its group, needs"`
	SerialHolder      *SerialClaim `json:"serial_holder,omitempty" doc:"Muster: who has the lock while the job waits for it"`
}

// RerunRequest asks for a workflow again.
type RerunRequest struct {
	FromFailed  bool     `json:"from_failed,omitempty" doc:"keep what succeeded; excludes jobs"`
	Jobs        []string `json:"jobs,omitempty" doc:"ids of the jobs to repeat with all that depend on them"`
	FailedTests bool     `json:"failed_tests,omitempty" doc:"Muster: let circleci tests run repeat only what failed; needs from_failed"`
	EnableSSH   bool     `json:"enable_ssh,omitempty" doc:"let me log in to the jobs, which must be named"`
	SparseTree  bool     `json:"sparse_tree,omitempty" doc:"not available; refused"`
}

// Rerun answers a rerun.
type Rerun struct {
	WorkflowID string `json:"workflow_id" format:"uuid"`
}
