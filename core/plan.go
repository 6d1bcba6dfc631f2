// SPDX-License-Identifier: MPL-2.0

package core

import "time"

// Plan is what a compiled config asks for: the output of the compile stage and
// all that the later stages know of the config language. What a condition or a
// filter switched off is not in it.
type Plan struct {
	Workflows []WorkflowPlan `json:"workflows"`
	// Schedules are the workflows that wait for a time of day (`triggers:`).
	// They are not among Workflows.
	Schedules []SchedulePlan `json:"schedules,omitempty"`
	// Setup marks a setup config: its pipeline is to be continued with another
	// config, by one of its jobs.
	Setup bool `json:"setup,omitempty"`
}

// WorkflowPlan is one workflow: jobs whose Requires form a directed graph
// without cycles, in the order in which the config lists them.
type WorkflowPlan struct {
	Name string    `json:"name"`
	Jobs []JobPlan `json:"jobs"`
	// MaxAutoReruns is how often the workflow is rerun from failed by itself.
	MaxAutoReruns int `json:"max_auto_reruns,omitempty"`
	// Groups are the job groups whose members are among Jobs.
	Groups []GroupPlan `json:"groups,omitempty"`
}

// GroupPlan is one use of a job group: jobs that hold one serial group
// together. Its members carry the name in JobPlan.Group.
type GroupPlan struct {
	Name        string `json:"name"` // unique in its workflow, among jobs too
	SerialGroup string `json:"serial_group,omitempty"`
}

// SchedulePlan is a workflow that runs at the times of Cron, which are in UTC,
// on the branches that the rule accepts.
type SchedulePlan struct {
	Workflow WorkflowPlan `json:"workflow"`
	Cron     string       `json:"cron"`
	Only     []string     `json:"only,omitempty"`   // names, or /regular expressions/
	Ignore   []string     `json:"ignore,omitempty"` // the same
}

// JobType is CircleCI's `type` of a job.
type JobType string

// The job types. A no-op job succeeds as soon as its requirements are met; lock
// and unlock jobs take and give back the serial group that Key names.
const (
	JobBuild    JobType = "build"
	JobApproval JobType = "approval"
	JobNoOp     JobType = "no-op"
	JobRelease  JobType = "release"
	JobLock     JobType = "lock"
	JobUnlock   JobType = "unlock"
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
	// Contexts are the names of the contexts whose variables the job gets, a
	// later one before an earlier one.
	Contexts []string `json:"contexts,omitempty"`
	// SerialGroup is the key of the organization-wide lock that the job holds
	// while it runs.
	SerialGroup string `json:"serial_group,omitempty"`
	// Group names the GroupPlan that the job is a member of.
	Group string `json:"group,omitempty"`
	// Key is what a lock or an unlock job is about.
	Key     string       `json:"key,omitempty"`
	Release *ReleasePlan `json:"release,omitempty"`
	// CacheRetention overrides how long the job's caches are kept; 0 means the
	// organization's time.
	CacheRetention time.Duration `json:"cache_retention,omitempty"`
	// IPRanges asks for an egress address of a known range.
	IPRanges bool `json:"ip_ranges,omitempty"`
}

// ReleasePlan is what a release job asks for.
type ReleasePlan struct {
	PlanName   string             `json:"plan_name"`
	Validation *ReleaseValidation `json:"validation,omitempty"`
}

// ReleaseValidation is how a release is watched after it.
type ReleaseValidation struct {
	Enabled               bool          `json:"enabled,omitempty"`
	EvaluationTime        time.Duration `json:"evaluation_time,omitempty"`
	AutoRollbackOnFailure bool          `json:"auto_rollback_on_failure,omitempty"`
	Webhooks              []string      `json:"webhooks,omitempty"`
	// Checks are the webhooks that say themselves what a failure is.
	Checks []ReleaseCheck `json:"checks,omitempty"`
}

// ReleaseCheck is a monitor whose webhook tells how a release does.
type ReleaseCheck struct {
	Name        string `json:"name,omitempty"`
	Provider    string `json:"provider,omitempty"`
	FailWhen    string `json:"fail_when,omitempty"`    // an expression over the monitor's message
	MaxFailures int    `json:"max_failures,omitempty"` // until the release counts as failed
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

// The executors. Jobs of the last one run only where a client offers macOS.
const (
	ExecutorDocker  ExecutorKind = "docker"
	ExecutorMachine ExecutorKind = "machine"
	ExecutorMacOS   ExecutorKind = "macos"
)

// Executor is the environment of a job.
type Executor struct {
	Kind ExecutorKind `json:"kind,omitempty"`
	// Images are the containers of the docker executor, the primary one first.
	Images []DockerImage `json:"images,omitempty"`
	// MachineImage names the machine executor's image; "" means the default.
	MachineImage string `json:"machine_image,omitempty"`
	// LayerCaching asks the machine executor for a kept docker layer cache.
	LayerCaching bool `json:"layer_caching,omitempty"`
	// Xcode is the version that the macos executor needs.
	Xcode string `json:"xcode,omitempty"`
	// CodeSigning names the signing bundles that the job may install.
	CodeSigning []string `json:"code_signing,omitempty"`
}

// DockerImage is one entry of a job's docker list.
type DockerImage struct {
	Image       string   `json:"image"`
	Name        string   `json:"name,omitempty"` // host name; "" means localhost only
	Entrypoint  []string `json:"entrypoint,omitempty"`
	Command     []string `json:"command,omitempty"`
	User        string   `json:"user,omitempty"`
	Environment []EnvVar `json:"environment,omitempty"` // of the container's process, not of steps
	// At most one of these says how the registry is asked for the image.
	Auth    *RegistryAuth `json:"auth,omitempty"`
	AWSAuth *AWSAuth      `json:"aws_auth,omitempty"`
	GCPAuth *GCPAuth      `json:"gcp_auth,omitempty"`
}

// RegistryAuth is a user of an image registry. The texts may hold $NAME of a
// project or context variable: the only place of a config where one is replaced,
// which happens when the task is placed.
type RegistryAuth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// AWSAuth is access to an ECR registry: a pair of keys, or a role to assume with
// the job's OIDC token.
type AWSAuth struct {
	AccessKeyID     string `json:"access_key_id,omitempty"`
	SecretAccessKey string `json:"secret_access_key,omitempty"`
	OIDCRoleARN     string `json:"oidc_role_arn,omitempty"`
}

// GCPAuth is access to a Google registry: the keys of CircleCI's `gcp_auth`.
type GCPAuth struct {
	Fields []EnvVar `json:"fields"`
}

// StepKind names a built-in step.
type StepKind string

// The built-in steps.
const (
	StepRun                  StepKind = "run"
	StepCheckout             StepKind = "checkout"
	StepSetupRemoteDocker    StepKind = "setup_remote_docker"
	StepSaveCache            StepKind = "save_cache"
	StepRestoreCache         StepKind = "restore_cache"
	StepStoreArtifacts       StepKind = "store_artifacts"
	StepStoreTestResults     StepKind = "store_test_results"
	StepPersistToWorkspace   StepKind = "persist_to_workspace"
	StepAttachWorkspace      StepKind = "attach_workspace"
	StepAddSSHKeys           StepKind = "add_ssh_keys"
	StepInstallSigningBundle StepKind = "install_signing_bundle"
)

// StepPlan is one step. Exactly the field that Kind names is set; a step of the
// last kind has none.
type StepPlan struct {
	Kind               StepKind                `json:"kind"`
	Name               string                  `json:"name"` // what people see; never empty
	Run                *RunStep                `json:"run,omitempty"`
	Checkout           *CheckoutStep           `json:"checkout,omitempty"`
	SetupRemoteDocker  *SetupRemoteDockerStep  `json:"setup_remote_docker,omitempty"`
	SaveCache          *SaveCacheStep          `json:"save_cache,omitempty"`
	RestoreCache       *RestoreCacheStep       `json:"restore_cache,omitempty"`
	StoreArtifacts     *StoreArtifactsStep     `json:"store_artifacts,omitempty"`
	StoreTestResults   *StoreTestResultsStep   `json:"store_test_results,omitempty"`
	PersistToWorkspace *PersistToWorkspaceStep `json:"persist_to_workspace,omitempty"`
	AttachWorkspace    *AttachWorkspaceStep    `json:"attach_workspace,omitempty"`
	AddSSHKeys         *AddSSHKeysStep         `json:"add_ssh_keys,omitempty"`
	// When is for the kinds other than run and save_cache, which have it among
	// their own fields. "" means the kind's usual: after a failure the steps that
	// store results and artifacts run, the others do not.
	When When `json:"when,omitempty"`
}

// SetupRemoteDockerStep gives the job a Docker engine of its own.
type SetupRemoteDockerStep struct {
	LayerCaching bool   `json:"layer_caching,omitempty"`
	Version      string `json:"version,omitempty"` // "" means the default
}

// SaveCacheStep keeps Paths under Key, unless the key is taken. Key holds
// templates ({{ .Branch }} and others) that the agent fills in.
type SaveCacheStep struct {
	Key   string   `json:"key"`
	Paths []string `json:"paths"`
	When  When     `json:"when,omitempty"` // "" means on_success
}

// RestoreCacheStep brings back the newest cache whose key begins with the first
// of Keys that any cache's key begins with.
type RestoreCacheStep struct {
	Keys []string `json:"keys"`
}

// StoreArtifactsStep keeps a file or a folder for people.
type StoreArtifactsStep struct {
	Path        string `json:"path"`
	Destination string `json:"destination,omitempty"` // "" means Path
}

// StoreTestResultsStep keeps JUnit files for people and for splitting.
type StoreTestResultsStep struct {
	Path string `json:"path"`
}

// PersistToWorkspaceStep adds a layer to the workflow's workspace: what the
// globs of Paths match below Root.
type PersistToWorkspaceStep struct {
	Root  string   `json:"root"`
	Paths []string `json:"paths"`
}

// AttachWorkspaceStep unpacks the layers of the jobs upstream.
type AttachWorkspaceStep struct {
	At string `json:"at"`
}

// AddSSHKeysStep brings the project's keys into the job; no fingerprints means
// all of them.
type AddSSHKeysStep struct {
	Fingerprints []string `json:"fingerprints,omitempty"`
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
	// Deploy marks the old deploy step: of a job's tasks only the first runs it,
	// after the others have succeeded.
	Deploy bool `json:"deploy,omitempty"`
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
