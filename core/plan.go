// SPDX-License-Identifier: MPL-2.0

package core

import "time"

// Plan is what a compiled config asks for: the output of the compile stage and
// all that the later stages know of the config language. What a condition or a
// filter switched off is not in it.
type Plan struct {
	Workflows []WorkflowPlan `json:"workflows"`
}

// WorkflowPlan is one workflow: jobs whose Requires form a directed graph
// without cycles, in the order in which the config lists them.
type WorkflowPlan struct {
	Name string    `json:"name"`
	Jobs []JobPlan `json:"jobs"`
}

// JobType is CircleCI's `type` of a job.
type JobType string

// The job types. A no-op job succeeds as soon as its requirements are met.
const (
	JobBuild    JobType = "build"
	JobApproval JobType = "approval"
	JobNoOp     JobType = "no-op"
)

// JobPlan is one node of a workflow.
type JobPlan struct {
	Name             string        `json:"name"` // unique in its workflow
	Type             JobType       `json:"type"`
	Requires         []Requirement `json:"requires,omitempty"`
	Executor         Executor      `json:"executor"`
	ResourceClass    string        `json:"resource_class,omitempty"` // "" means the executor's default class
	Parallelism      int           `json:"parallelism,omitempty"`    // tasks; 0 counts as 1
	Environment      []EnvVar      `json:"environment,omitempty"`
	Shell            string        `json:"shell,omitempty"`             // "" means the agent's default
	WorkingDirectory string        `json:"working_directory,omitempty"` // "" means ~/project
	Steps            []StepPlan    `json:"steps,omitempty"`
}

// Requirement is one edge: Job must have ended with one of Statuses.
type Requirement struct {
	Job      string      `json:"job"`
	Statuses []JobStatus `json:"statuses"` // never empty; [success] is the usual
}

// EnvVar is one variable of an ordered environment; a later one wins.
type EnvVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ExecutorKind says where a job's steps run.
type ExecutorKind string

// The executors so far.
const (
	ExecutorDocker  ExecutorKind = "docker"
	ExecutorMachine ExecutorKind = "machine"
)

// Executor is the environment of a job.
type Executor struct {
	Kind ExecutorKind `json:"kind,omitempty"`
	// Images are the containers of the docker executor, the primary one first.
	Images []DockerImage `json:"images,omitempty"`
	// MachineImage names the machine executor's image; "" means the default.
	MachineImage string `json:"machine_image,omitempty"`
}

// DockerImage is one entry of a job's docker list.
type DockerImage struct {
	Image       string   `json:"image"`
	Name        string   `json:"name,omitempty"` // host name; "" means localhost only
	Entrypoint  []string `json:"entrypoint,omitempty"`
	Command     []string `json:"command,omitempty"`
	User        string   `json:"user,omitempty"`
	Environment []EnvVar `json:"environment,omitempty"` // of the container's process, not of steps
}

// StepKind names a built-in step.
type StepKind string

// The built-in steps so far.
const (
	StepRun      StepKind = "run"
	StepCheckout StepKind = "checkout"
)

// StepPlan is one step. Exactly the field that Kind names is set.
type StepPlan struct {
	Kind     StepKind      `json:"kind"`
	Name     string        `json:"name"` // what people see; never empty
	Run      *RunStep      `json:"run,omitempty"`
	Checkout *CheckoutStep `json:"checkout,omitempty"`
}

// When says in which state of the job a step runs.
type When string

// The values of a run step's `when`.
const (
	WhenOnSuccess When = "on_success"
	WhenOnFail    When = "on_fail"
	WhenAlways    When = "always"
)

// RunStep is a command in a shell of its own.
type RunStep struct {
	Command          string        `json:"command"`
	Shell            string        `json:"shell,omitempty"`
	Environment      []EnvVar      `json:"environment,omitempty"`
	Background       bool          `json:"background,omitempty"`
	WorkingDirectory string        `json:"working_directory,omitempty"`
	NoOutputTimeout  time.Duration `json:"no_output_timeout,omitempty"` // 0 means ten minutes
	When             When          `json:"when,omitempty"`              // "" means on_success
	MaxAutoReruns    int           `json:"max_auto_reruns,omitempty"`
	AutoRerunDelay   time.Duration `json:"auto_rerun_delay,omitempty"`
}

// CheckoutMethod is how much history a checkout brings.
type CheckoutMethod string

// The values of a checkout step's `method`.
const (
	CheckoutFull     CheckoutMethod = "full"
	CheckoutBlobless CheckoutMethod = "blobless"
	CheckoutShallow  CheckoutMethod = "shallow"
)

// CheckoutStep brings the source into Path.
type CheckoutStep struct {
	Path   string         `json:"path,omitempty"`   // "" means the working directory
	Method CheckoutMethod `json:"method,omitempty"` // "" means full
	Depth  int            `json:"depth,omitempty"`  // of a shallow one; 0 counts as 1
}
