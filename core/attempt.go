// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// Attempt is one try at a task: one Nomad job.
type Attempt struct {
	ID            AttemptID    `json:"id"`
	Task          TaskID       `json:"task_id"`
	Number        int          `json:"number"` // from 1
	Executor      ExecutorKind `json:"executor"`
	ResourceClass string       `json:"resource_class,omitempty"`
}

// AttemptReport is news of an attempt on its way to the queue.
type AttemptReport struct {
	Attempt AttemptID `json:"attempt_id"`
	Task    TaskID    `json:"task_id"`
	// Status is queued (placed, not running; Reason says what Nomad waits for),
	// running, or final. The queue answers infrastructure_fail with a further
	// attempt when Retryable and the limit allow it.
	Status    JobStatus `json:"status"`
	Retryable bool      `json:"retryable,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	At        time.Time `json:"at"`
}

// Placements turns attempts into Nomad jobs and watches over them.
type Placements interface {
	// Place accepts attempts; those that it knows already are left alone.
	Place(ctx context.Context, attempts []Attempt) error
	// StopAttempts ends attempts as canceled. Unknown ones are remembered, so
	// that a Place that comes late does not start them.
	StopAttempts(ctx context.Context, ids []AttemptID) error
	// Claim binds an attempt to the allocation that proves to be it, and
	// returns the work. See Claim for the answers.
	Claim(ctx context.Context, c Claim) (ClaimedTask, error)
	// Containers tells how the containers of a running docker job fare now; none
	// of other jobs. An attempt that is not known or does not run is CodeNotFound.
	Containers(ctx context.Context, id AttemptID) ([]Container, error)
	// ReportAgents takes what agents said of their attempts.
	ReportAgents(ctx context.Context, reports []AgentReport) error
}

// Claim is an agent's request for its work, after its workload identity has
// been verified. Unknown attempts are CodeNotFound (the agent asks again for a
// while), an allocation that is not the attempt's is CodeForbidden, and an
// attempt that another allocation or another process of the same one has
// claimed, or that has ended, is CodeConflict.
type Claim struct {
	Attempt AttemptID `json:"attempt_id"`
	// Allocation is the id that the cluster gave the run of the attempt.
	Allocation string `json:"allocation_id"`
	// Nonce is random per agent process: the same process may claim again (its
	// first answer was lost), another one may not.
	Nonce string `json:"nonce"`
	// Unfit says why this agent cannot be served, whoever it is: another try may
	// have another one. If the claim is good, the attempt ends for this reason, and
	// the claim is CodeConflict with it as its message.
	Unfit string `json:"unfit,omitempty"`
}

// ClaimedTask is the work of an attempt with its secrets. It is never stored.
type ClaimedTask struct {
	Attempt Attempt  `json:"attempt"`
	Spec    TaskSpec `json:"spec"`
	Secrets []EnvVar `json:"secrets,omitempty"` // project variables, plain
	// TimeLimit of the whole task.
	TimeLimit time.Duration `json:"time_limit"`
	// Class is the resource class of the attempt, for what the agent tells of its
	// use; its zero value means that it is not known.
	Class ResourceClass `json:"class,omitzero"`
	// Containers are those of a docker job, as far as the cluster tells of them.
	Containers []Container `json:"containers,omitempty"`
	// Entrypoint is what the primary container would run if the agent did not
	// take its place: set when the job or the image asks for it to run beside the
	// steps.
	Entrypoint []string `json:"entrypoint,omitempty"`
}

// AgentReport is what an agent said of its attempt, or what output noticed of
// the agent.
type AgentReport struct {
	Attempt AttemptID `json:"attempt_id"`
	// Status is running, or final: success, failed, timedout, canceled (the
	// agent was asked to stop) or infrastructure_fail.
	Status JobStatus `json:"status"`
	Reason string    `json:"reason,omitempty"`
	// OutOfMemory comes with infrastructure_fail when the kernel killed a process
	// of the build for want of memory.
	OutOfMemory bool      `json:"out_of_memory,omitempty"`
	At          time.Time `json:"at"`
}
