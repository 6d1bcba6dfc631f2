// SPDX-License-Identifier: MPL-2.0

package api

// Project is a project as API v2 shows it.
type Project struct {
	Slug             string  `json:"slug"`
	Name             string  `json:"name"`
	ID               string  `json:"id" format:"uuid"`
	OrganizationName string  `json:"organization_name"`
	OrganizationSlug string  `json:"organization_slug"`
	OrganizationID   string  `json:"organization_id" format:"uuid"`
	VCSInfo          VCSInfo `json:"vcs_info"`
}

// VCSInfo tells where the source of a project is.
type VCSInfo struct {
	VCSURL        string `json:"vcs_url"`
	Provider      string `json:"provider" enum:"GitHub,Bitbucket,CircleCI"`
	DefaultBranch string `json:"default_branch"`
}

// NewProject is the optional body of creating a project. CircleCI takes none;
// all fields are Muster's.
type NewProject struct {
	RepositoryURL string `json:"repository_url,omitempty" doc:"what git clones; empty when every trigger brings a bundle"`
	DefaultBranch string `json:"default_branch,omitempty"`
	AutoCancel    bool   `json:"auto_cancel,omitempty" doc:"cancel older workflows of a branch when a newer pipeline of it starts"`
}

// CreatedProject answers the making of a project: CircleCI's advanced settings,
// and beside them the project itself, which is Muster's addition.
type CreatedProject struct {
	Advanced AdvancedSettings `json:"advanced"`
	Project
}

// ProjectSettings are the settings of a project. What an update leaves away stays.
type ProjectSettings struct {
	Advanced AdvancedSettings `json:"advanced"`
}

// AdvancedSettings are those of CircleCI's that Muster has so far, and behind
// them Muster's own.
type AdvancedSettings struct {
	AutocancelBuilds *bool   `json:"autocancel_builds,omitempty"`
	DisableSSH       *bool   `json:"disable_ssh,omitempty" doc:"refuse reruns with SSH"`
	ProtectCaches    *bool   `json:"protect_caches,omitempty" doc:"Muster: let jobs of the default branch restore only what jobs of the default branch saved"`
	BlockNewWork     *bool   `json:"block_new_work,omitempty" doc:"Muster: refuse new pipelines and reruns; what runs goes on"`
	JobTimeLimit     *string `json:"job_time_limit,omitempty" doc:"Muster: such as 90m or 3h, after which a job has timed out; 0s for that of the organization"`
}

// OrganizationSettings are the settings of an organization; all are Muster's.
// What an update leaves away stays.
type OrganizationSettings struct {
	Concurrency  *int    `json:"concurrency,omitempty" doc:"tasks that may run at once; 0 for the installation's default"`
	BlockNewWork *bool   `json:"block_new_work,omitempty" doc:"refuse new pipelines and reruns in all projects; what runs goes on"`
	JobTimeLimit *string `json:"job_time_limit,omitempty" doc:"such as 90m or 3h, for projects without their own; 0s for the installation's"`
}

// Variable is a project environment variable; Value is masked in answers.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
