// SPDX-License-Identifier: MPL-2.0

package wire

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// EventType names what happened.
type EventType string

// The events of an attempt, in the order in which they can occur. Steps may
// overlap when one runs in the background. After task:ended nothing follows.
const (
	TaskStarted EventType = "task:started"
	StepStarted EventType = "step:started"
	StepEnded   EventType = "step:ended"
	TaskEnded   EventType = "task:ended"
	TaskUsage   EventType = "task:usage" // now and then between start and end
	// SSHReady tells where a job can be logged in to.
	SSHReady EventType = "ssh:ready"
)

// MaxEvent is the most bytes of one event line, its newline included.
const MaxEvent = 64 << 10

// Event is one line of stream 0. Texts are masked already.
type Event struct {
	Type EventType `json:"type"`
	At   time.Time `json:"at"`

	// Of steps. Number is the step's, from 0 in the order of starting.
	Step       int             `json:"step,omitempty"`
	Name       string          `json:"name,omitempty"`
	Command    string          `json:"command,omitempty"` // 4 KiB at most
	Kind       string          `json:"kind,omitempty"`
	Background bool            `json:"background,omitempty"`
	StepStatus core.StepStatus `json:"step_status,omitempty"`
	ExitCode   *int            `json:"exit_code,omitempty"`
	Truncated  bool            `json:"truncated,omitempty"` // the step's output limit was reached

	// Of task:ended.
	Status core.JobStatus `json:"status,omitempty"`
	// Reason explains an ending that the exit code does not, for people.
	Reason string `json:"reason,omitempty"`
	// OutOfMemory says that the kernel killed a process of the step that failed
	// because the container's memory was used up.
	OutOfMemory bool `json:"out_of_memory,omitempty"`

	// Of ssh:ready. Address is host:port, or empty when the gateway is the only
	// way; HostKey is a line of authorized_keys.
	Address string `json:"address,omitempty"`
	HostKey string `json:"host_key,omitempty"`
	// Of the step that stands for a session over SSH.
	Remote      string `json:"remote,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`

	// Of task:usage.
	Usage *Usage `json:"usage,omitempty"`

	// Of task:started.
	AgentVersion string `json:"agent_version,omitempty"`
	Host         string `json:"host,omitempty"`
}
