// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// JobSteps is what the tasks of a job did, step by step (Muster).
type JobSteps struct {
	JobID  string      `json:"job_id" format:"uuid"`
	Number int64       `json:"number,omitempty"`
	Name   string      `json:"name"`
	Status string      `json:"status"`
	Reason string      `json:"reason,omitempty" doc:"why the job waits, or what its status does not tell"`
	Tasks  []TaskSteps `json:"tasks"`
	// SSHUser could change all that the job made, whatever its config says.
	SSHUser string `json:"ssh_user,omitempty" format:"uuid" doc:"the user who may log in, or could; what the job made may be theirs"`
}

// TaskSteps is one parallel run of a job with its attempts.
type TaskSteps struct {
	Index    int            `json:"index"`
	Status   string         `json:"status"`
	Reason   string         `json:"reason,omitempty"`
	Attempts []AttemptSteps `json:"attempts"`
}

// AttemptSteps is one try at a task.
type AttemptSteps struct {
	ID     string `json:"id" doc:"also the id of the nomad job"`
	Number int    `json:"number" doc:"from 1"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty" doc:"what the status does not tell; it stays when a further attempt follows"`
	Steps  []Step `json:"steps"`
}

// Step is one step of one attempt.
type Step struct {
	Number     int        `json:"number" doc:"from 0, in the order in which steps began"`
	Name       string     `json:"name"`
	Command    string     `json:"command,omitempty"`
	Kind       string     `json:"kind"`
	Status     string     `json:"status" enum:"running,success,failed,timedout,canceled,skipped,infrastructure_fail"`
	ExitCode   *int       `json:"exit_code,omitempty"`
	Error      string     `json:"error,omitempty"`
	StartedAt  time.Time  `json:"started_at"`
	StoppedAt  *time.Time `json:"stopped_at,omitempty"`
	Bytes      int64      `json:"bytes" doc:"how much output there is so far"`
	Truncated  bool       `json:"truncated,omitempty"`
	Background bool       `json:"background,omitempty"`

	Remote      string `json:"remote,omitempty" doc:"of a session over SSH: where it came from"`
	Fingerprint string `json:"fingerprint,omitempty" doc:"of a session over SSH: SHA256:... of the key that logged in"`
}
