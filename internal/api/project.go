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

// AdvancedSettings are those of CircleCI's that Muster has so far.
type AdvancedSettings struct {
	AutocancelBuilds bool `json:"autocancel_builds"`
}

// Variable is a project environment variable; Value is masked in answers.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
