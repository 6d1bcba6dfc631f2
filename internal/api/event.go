// SPDX-License-Identifier: MPL-2.0

package api

// The names of the events that a follower of a pipeline or a job gets, each
// with the type of its data.
const (
	EventPipeline = "pipeline" // Pipeline
	EventWorkflow = "workflow" // Workflow
	EventJob      = "job"      // JobEvent
	EventStep     = "step"     // StepEvent
	EventOutput   = "output"   // OutputEvent
	EventEnd      = "end"      // EndEvent; nothing follows
	EventError    = "error"    // Message; the stream ends and may be resumed
)

// JobEvent is a job whose status or reason changed. The final one comes after
// all output of the job.
type JobEvent struct {
	WorkflowJob
	WorkflowID   string `json:"workflow_id" format:"uuid"`
	WorkflowName string `json:"workflow_name,omitempty"`
	Parallelism  int    `json:"parallelism,omitempty"`
}

// Place tells which step of which attempt of which task something belongs to.
type Place struct {
	JobID     string `json:"job_id" format:"uuid"`
	TaskIndex int    `json:"task_index"`
	AttemptID string `json:"attempt_id"`
	Attempt   int    `json:"attempt" doc:"from 1"`
}

// StepEvent is a step that began or ended. The second comes after the step's
// output.
type StepEvent struct {
	Place
	Step
}

// OutputEvent is bytes of a step from an offset. Bytes that are UTF-8 are in
// Text, others in Base64. After a resumption bytes may come again; the offset
// tells.
type OutputEvent struct {
	Place
	Step   int    `json:"step"`
	Offset int64  `json:"offset"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
}

// Bytes returns the bytes that the event carries.
func (o OutputEvent) Bytes() []byte {
	if o.Base64 != nil {
		return o.Base64
	}
	return []byte(o.Text)
}

// EndEvent is the last one. Status is that of the pipeline (success, failed,
// canceled, errored, not_run) or of the job.
type EndEvent struct {
	Status string `json:"status"`
}
