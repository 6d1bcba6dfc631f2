// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"io"
)

// Output is what tasks wrote, as readers see it.
type Output interface {
	// TaskSteps returns the attempts of tasks with their steps, by task in the
	// order asked for and within one by attempt number.
	TaskSteps(ctx context.Context, ids []TaskID) ([]AttemptSteps, error)
	// ReadOutput opens the bytes of one step from an offset. With Follow it
	// goes on as bytes arrive and ends when the step does.
	ReadOutput(ctx context.Context, r OutputRange) (io.ReadCloser, error)
	// FollowSteps tells of attempts of a pipeline as their steps change: which
	// they are and all their steps, as TaskSteps has them. Nothing is told twice
	// without need, and rarely something not at all: it makes things fast,
	// TaskSteps makes them right. An empty list now and then is a sign of life.
	// It returns nil when ctx ends, and otherwise what broke.
	FollowSteps(ctx context.Context, id PipelineID, tell func([]AttemptSteps) error) error
}

// AttemptSteps is one attempt and its steps.
type AttemptSteps struct {
	Task    TaskID    `json:"task_id"`
	Attempt AttemptID `json:"attempt_id"`
	Number  int       `json:"number"`
	Status  JobStatus `json:"status"` // running, or the agent's final word
	// Reason says what the status does not tell, such as Nomad's words about a
	// node that was lost. It stays when a further attempt makes good for it.
	Reason string `json:"reason,omitempty"`
	Steps  []Step `json:"steps"`
	// Heads are the first bytes of steps by number, where FollowSteps has them at
	// hand: of a step that has begun to write, once, and as a rule not all that
	// it wrote.
	Heads map[int][]byte `json:"heads,omitempty"`
}

// OutputRange names bytes of one step.
type OutputRange struct {
	Attempt AttemptID `json:"attempt_id"`
	Step    int       `json:"step"`
	Offset  int64     `json:"offset"`
	// Limit is the most bytes to return, 0 for all. Not with Follow.
	Limit  int64 `json:"limit,omitempty"`
	Follow bool  `json:"follow,omitempty"`
}

// OutputControl is the side of output that placements talks to.
type OutputControl interface {
	// CloseAttempts ends the output of attempts that ended without their
	// agent's word: it died, or was canceled before it began. One that the agent
	// has ended keeps what the agent said. Unknown attempts are remembered, so
	// that a claim which comes late is refused. Bytes that an agent still has
	// are welcome for a short while after.
	CloseAttempts(ctx context.Context, closes []AttemptClose) error
	// StopOutput passes the wish to stop as canceled on to agents, with the
	// answer to the next thing that they say. It ends nothing by itself.
	StopOutput(ctx context.Context, ids []AttemptID) error
}

// AttemptClose is the end of an attempt as placements knows it.
type AttemptClose struct {
	Attempt AttemptID `json:"attempt_id"`
	Status  JobStatus `json:"status"` // final
	Reason  string    `json:"reason,omitempty"`
}
