// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"strings"
	"time"
)

// Project is one repository that Muster builds.
type Project struct {
	ID           ProjectID    `json:"id"`
	Organization Organization `json:"organization"`
	Name         string       `json:"name"`
	// RepositoryURL is what git clones. Empty for a project whose source comes
	// only as bundles sent with a trigger.
	RepositoryURL string `json:"repository_url,omitempty"`
	DefaultBranch string `json:"default_branch"`
	// AutoCancel ends the older workflows of a branch that is not the default
	// one when a newer pipeline of that branch starts.
	AutoCancel bool            `json:"auto_cancel"`
	Settings   ProjectSettings `json:"settings,omitzero"`
	CreatedAt  time.Time       `json:"created_at"`
}

// Slug returns the project's slug, such as "gh/acme/site".
func (p Project) Slug() string { return p.Organization.Slug() + "/" + p.Name }

// ProjectSlug is a parsed "vcs/organization/project".
type ProjectSlug struct {
	VCS          string `json:"vcs"`
	Organization string `json:"organization"`
	Project      string `json:"project"`
}

// String joins the slug's parts.
func (s ProjectSlug) String() string { return s.VCS + "/" + s.Organization + "/" + s.Project }

// ParseProjectSlug reads "gh/org/repo"; the long forms "github" and "bitbucket"
// become "gh" and "bb", as CircleCI's API accepts both.
func ParseProjectSlug(text string) (ProjectSlug, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return ProjectSlug{}, Errorf(CodeInvalid, "%q is not a project slug; write it as vcs/organization/project, for example gh/acme/site", text)
	}
	vcs := parts[0]
	switch vcs {
	case "github":
		vcs = "gh"
	case "bitbucket":
		vcs = "bb"
	}
	switch vcs {
	case "gh", "bb", "circleci":
	default:
		return ProjectSlug{}, Errorf(CodeInvalid, "%q is not a known kind of project in the slug %q; use gh, bb or circleci", parts[0], text)
	}
	for _, part := range parts[1:] {
		if !validSlugPart(part) {
			return ProjectSlug{}, Errorf(CodeInvalid, "%q in the slug %q is not a name: use letters, digits, '.', '_' and '-', 100 characters at most", part, text)
		}
	}
	return ProjectSlug{VCS: vcs, Organization: parts[1], Project: parts[2]}, nil
}

func validSlugPart(part string) bool {
	if part == "" || len(part) > 100 || part == "." || part == ".." {
		return false
	}
	for _, r := range part {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
		default:
			return false
		}
	}
	return true
}

// Projects keeps projects, their organizations and their variables.
type Projects interface {
	// CreateProject makes a project, and its organization when there is none.
	// A slug that is taken is CodeConflict. ID may be empty.
	CreateProject(ctx context.Context, p Project) (Project, error)
	// Project returns one by id, CodeNotFound otherwise.
	Project(ctx context.Context, id ProjectID) (Project, error)
	// ProjectBySlug returns one by slug, CodeNotFound otherwise. For the slug
	// "circleci/<org-id>/<project-id>" the parts are ids.
	ProjectBySlug(ctx context.Context, slug ProjectSlug) (Project, error)
	// ListProjects returns a page of all projects in the order of their slugs.
	ListProjects(ctx context.Context, page Page) (ProjectList, error)
	// UpdateProject changes what of p differs (URL, default branch, auto-cancel,
	// settings), not the organization.
	UpdateProject(ctx context.Context, p Project) (Project, error)
	// Organization returns one by the kind and the name that o has, CodeNotFound
	// otherwise.
	Organization(ctx context.Context, o Organization) (Organization, error)
	// UpdateOrganization changes the concurrency and the settings of the one with
	// o's id.
	UpdateOrganization(ctx context.Context, o Organization) (Organization, error)
}

// ProjectList is a page of projects.
type ProjectList struct {
	Items []Project `json:"items"`
	Next  string    `json:"next,omitempty"`
}

// Page asks for part of a list. Token is the Next of the page before, empty for
// the first; Limit 0 means 20, and 100 is the most.
type Page struct {
	Token string `json:"token,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// ProjectSecrets keeps the project environment variables. Values are encrypted
// before they reach a table.
type ProjectSecrets interface {
	// SetVariable stores one, replacing an older value.
	SetVariable(ctx context.Context, v ProjectVariable) error
	// DeleteVariable removes one; removing what is not there is no error.
	DeleteVariable(ctx context.Context, v ProjectVariable) error
	// ListVariables returns names and masked values ("xxxx" and the last four
	// characters, fewer for a short value), by name.
	ListVariables(ctx context.Context, id ProjectID) ([]ProjectVariable, error)
	// RevealVariables returns the plain values, for a claimed task only.
	RevealVariables(ctx context.Context, id ProjectID) ([]ProjectVariable, error)
}

// ProjectVariable is an environment variable that every job of a project gets.
type ProjectVariable struct {
	Project ProjectID `json:"project_id,omitempty"`
	Name    string    `json:"name"`
	Value   string    `json:"value"`
}
