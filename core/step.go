// SPDX-License-Identifier: MPL-2.0

package core

import "time"

// StepStatus is the state of one step of one task.
type StepStatus string

// The step statuses, in the words of CircleCI's API v1.1.
const (
	StepRunning  StepStatus = "running"
	StepSuccess  StepStatus = "success"
	StepFailed   StepStatus = "failed"
	StepTimedOut StepStatus = "timedout"
	StepCanceled StepStatus = "canceled"
	StepSkipped  StepStatus = "skipped"
	StepLost     StepStatus = "infrastructure_fail"
)

// Step is one step of one attempt as the agent told it.
type Step struct {
	Number    int        `json:"number"` // from 0, in the order in which steps began
	Name      string     `json:"name"`
	Command   string     `json:"command,omitempty"`
	Kind      string     `json:"kind"` // run, checkout, or an agent's own such as spin_up
	Status    StepStatus `json:"status"`
	ExitCode  *int       `json:"exit_code,omitempty"`
	Error     string     `json:"error,omitempty"` // for people, when the exit code is not the story
	StartedAt time.Time  `json:"started_at"`
	StoppedAt *time.Time `json:"stopped_at,omitempty"`
	// Bytes is how much output is durable; Truncated says that the step wrote
	// more than the limit and the rest was dropped.
	Bytes      int64 `json:"bytes"`
	Truncated  bool  `json:"truncated,omitempty"`
	Background bool  `json:"background,omitempty"`
	// Remote and Fingerprint are, of a session over SSH, the address that it came
	// from and the SHA-256 of the key that logged in.
	Remote      string `json:"remote,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
}
