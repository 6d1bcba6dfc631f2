// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// Build is a job as API v1.1 shows it, the documented way to its steps.
type Build struct {
	VCSURL          string         `json:"vcs_url"`
	BuildURL        string         `json:"build_url"`
	BuildNum        int64          `json:"build_num"`
	Branch          *string        `json:"branch"`
	VCSTag          *string        `json:"vcs_tag"`
	VCSRevision     string         `json:"vcs_revision"`
	VCSType         string         `json:"vcs_type"`
	Subject         string         `json:"subject"`
	Body            string         `json:"body"`
	CommitterName   string         `json:"committer_name"`
	Username        string         `json:"username"`
	Reponame        string         `json:"reponame"`
	Why             string         `json:"why"`
	Platform        string         `json:"platform"`
	Lifecycle       string         `json:"lifecycle" enum:"queued,scheduled,not_run,not_running,running,finished"`
	Outcome         *string        `json:"outcome"`
	Status          string         `json:"status"`
	Canceled        bool           `json:"canceled"`
	InfrastructFail bool           `json:"infrastructure_fail"`
	TimedOut        bool           `json:"timedout"`
	Failed          *bool          `json:"failed"`
	HasArtifacts    bool           `json:"has_artifacts"`
	Parallel        int            `json:"parallel"`
	QueuedAt        *time.Time     `json:"queued_at"`
	StartTime       *time.Time     `json:"start_time"`
	StopTime        *time.Time     `json:"stop_time"`
	BuildTimeMillis *int64         `json:"build_time_millis"`
	Workflows       BuildWorkflow  `json:"workflows"`
	Messages        []JobMessage   `json:"messages"`
	Steps           []BuildStep    `json:"steps"`
	User            Actor          `json:"user"`
	Picard          BuildResources `json:"picard"`
}

// BuildWorkflow places a build in its workflow.
type BuildWorkflow struct {
	JobName      string `json:"job_name"`
	JobID        string `json:"job_id" format:"uuid"`
	WorkflowID   string `json:"workflow_id" format:"uuid"`
	WorkflowName string `json:"workflow_name"`
	WorkspaceID  string `json:"workspace_id"`
}

// BuildResources tells what a build ran on.
type BuildResources struct {
	Executor      string      `json:"executor"`
	ResourceClass ContextName `json:"resource_class"`
}

// BuildStep is a step with one action per parallel run.
type BuildStep struct {
	Name    string        `json:"name"`
	Actions []BuildAction `json:"actions"`
}

// BuildAction is a step of one parallel run.
type BuildAction struct {
	Index         int        `json:"index" doc:"the parallel run"`
	Step          int        `json:"step"`
	Name          string     `json:"name"`
	Type          string     `json:"type"`
	Status        string     `json:"status" enum:"running,success,failed,timedout,canceled,skipped,infrastructure_fail"`
	ExitCode      *int       `json:"exit_code"`
	BashCommand   *string    `json:"bash_command"`
	StartTime     time.Time  `json:"start_time"`
	EndTime       *time.Time `json:"end_time"`
	RunTimeMillis *int64     `json:"run_time_millis"`
	OutputURL     string     `json:"output_url,omitempty" doc:"plain text here, not CircleCI's JSON"`
	HasOutput     bool       `json:"has_output"`
	Truncated     bool       `json:"truncated"`
	Background    bool       `json:"background"`
	Parallel      bool       `json:"parallel"`
	Failed        *bool      `json:"failed"`
	Canceled      *bool      `json:"canceled"`
	TimedOut      *bool      `json:"timedout"`
	InfraFail     *bool      `json:"infrastructure_fail"`
}

// BuildProject is a project as API v1.1 lists it.
type BuildProject struct {
	VCSType       string         `json:"vcs_type"`
	VCSURL        string         `json:"vcs_url"`
	Username      string         `json:"username"`
	Reponame      string         `json:"reponame"`
	DefaultBranch string         `json:"default_branch"`
	Following     bool           `json:"following"`
	Branches      map[string]any `json:"branches"`
}
