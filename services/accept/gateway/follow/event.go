// SPDX-License-Identifier: MPL-2.0

package follow

import "github.com/muster-ci/muster/core"

// Event is one thing that a reader is told. Exactly one of the pointers is set.
type Event struct {
	// Cursor is the place to resume after this event; "" keeps the one before.
	Cursor   string
	Pipeline *core.Pipeline
	Workflow *core.Workflow
	Job      *JobView
	Step     *StepEvent
	Output   *OutputEvent
	End      *EndEvent
}

// Place names an attempt in its job.
type Place struct {
	Job     core.JobID
	Index   int
	Attempt core.AttemptID
	Number  int
}

// StepEvent is a step that began (its status is running) or ended.
type StepEvent struct {
	Place
	Step core.Step
}

// OutputEvent is bytes of a step. Data is the receiver's.
type OutputEvent struct {
	Place
	Step   int
	Offset int64
	Data   []byte
}

// EndEvent is the last event.
type EndEvent struct{ Status string }

// Sink takes events, one after the other. It may take its time.
type Sink interface {
	Send(e Event) error
	// Beat is called in silence; an error ends the stream.
	Beat() error
}
