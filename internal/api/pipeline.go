// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// Pipeline is a pipeline as API v2 shows it.
type Pipeline struct {
	ID                string          `json:"id" format:"uuid"`
	ProjectSlug       string          `json:"project_slug"`
	Number            int64           `json:"number"`
	State             string          `json:"state" enum:"created,errored,setup-pending,setup,pending"`
	Errors            []PipelineError `json:"errors"`
	Warnings          []PipelineError `json:"warnings,omitempty"`
	CreatedAt         time.Time       `json:"created_at"`
	UpdatedAt         time.Time       `json:"updated_at"`
	Trigger           Trigger         `json:"trigger"`
	VCS               *PipelineVCS    `json:"vcs,omitempty"`
	TriggerParameters map[string]any  `json:"trigger_parameters,omitempty"`
}

// PipelineError is a reason why a pipeline is errored.
type PipelineError struct {
	Type    string `json:"type" enum:"config,config-fetch,timeout,permission,other,plan"`
	Message string `json:"message"`
}

// Trigger is the event that a pipeline answers.
type Trigger struct {
	Type       string    `json:"type" enum:"scheduled_pipeline,explicit,api,webhook"`
	ReceivedAt time.Time `json:"received_at"`
	Actor      Actor     `json:"actor"`
}

// Actor is who caused an event.
type Actor struct {
	Login     string  `json:"login"`
	AvatarURL *string `json:"avatar_url"`
}

// PipelineVCS is the source of a pipeline.
type PipelineVCS struct {
	ProviderName        string  `json:"provider_name"`
	OriginRepositoryURL string  `json:"origin_repository_url"`
	TargetRepositoryURL string  `json:"target_repository_url"`
	Revision            string  `json:"revision"`
	Branch              string  `json:"branch,omitempty"`
	Tag                 string  `json:"tag,omitempty"`
	Commit              *Commit `json:"commit,omitempty"`
}

// Commit is the message of a commit.
type Commit struct {
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// PipelineConfig is what a pipeline was compiled from and to.
type PipelineConfig struct {
	Source              string `json:"source" doc:"of a pipeline that began with a setup config: its continuation's, empty until there is one"`
	Compiled            string `json:"compiled"`
	SetupConfig         string `json:"setup-config,omitempty"`
	CompiledSetupConfig string `json:"compiled-setup-config,omitempty"`
}

// Continuation continues a pipeline from its setup phase.
type Continuation struct {
	Key           string         `json:"continuation-key" doc:"what the jobs of a setup workflow have as CIRCLE_CONTINUATION_KEY"`
	Configuration string         `json:"configuration" doc:"the config to go on with; an empty one ends the pipeline"`
	Parameters    map[string]any `json:"parameters,omitempty" doc:"pipeline parameters; none that the trigger gave"`
}

// TriggerRequest asks for a pipeline. Branch, Tag and Parameters are
// CircleCI's, the rest is Muster's.
type TriggerRequest struct {
	Branch     string         `json:"branch,omitempty" doc:"the project's default branch when neither branch nor tag is given"`
	Tag        string         `json:"tag,omitempty" doc:"excludes branch"`
	Parameters map[string]any `json:"parameters,omitempty"`
	Revision   string         `json:"revision,omitempty" doc:"Muster: build this commit, 40 hexadecimal digits, instead of the tip"`
	Config     string         `json:"config,omitempty" doc:"Muster: a config to use in place of the repository's"`
	Source     *TriggerSource `json:"source,omitempty" doc:"Muster: where the source is, when it is not in the project's repository"`
}

// TriggerSource names source that was sent to Muster before.
type TriggerSource struct {
	Bundle string `json:"bundle" doc:"the key that uploading a bundle answered"`
}

// RunRequest asks for a run of a project's pipeline definition, in CircleCI's
// words. A project has one, and reads its config from the commit that it builds.
type RunRequest struct {
	DefinitionID string         `json:"definition_id,omitempty" doc:"the project's id, or nothing: a project has one definition"`
	Config       *RunRef        `json:"config,omitempty" doc:"where the config is read; the same as checkout, which may be left out then, and the other way round"`
	Checkout     *RunRef        `json:"checkout,omitempty" doc:"what is built; the project's default branch when neither is given"`
	Parameters   map[string]any `json:"parameters,omitempty"`
}

// RunRef is a branch or a tag.
type RunRef struct {
	Branch string `json:"branch,omitempty"`
	Tag    string `json:"tag,omitempty" doc:"excludes branch"`
}

// Triggered answers a trigger.
type Triggered struct {
	ID        string    `json:"id" format:"uuid"`
	State     string    `json:"state" enum:"created,errored,setup-pending,setup,pending"`
	Number    int64     `json:"number"`
	CreatedAt time.Time `json:"created_at"`
}

// Bundle answers the upload of a git bundle.
type Bundle struct {
	Key  string `json:"key" doc:"goes into source.bundle of a trigger"`
	Size int64  `json:"size"`
}
