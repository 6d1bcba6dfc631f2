// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// JobIdentity is what a token says of the job that shows it.
type JobIdentity struct {
	Organization OrganizationID `json:"organization_id"`
	Project      ProjectID      `json:"project_id"`
	Pipeline     PipelineID     `json:"pipeline_id"`
	Workflow     WorkflowID     `json:"workflow_id"`
	Job          JobID          `json:"job_id"`
	User         UserID         `json:"user_id"`
	// VCSOrigin is host and path of the repository, such as github.com/acme/site;
	// that of the fork in a fork's pipeline.
	VCSOrigin string   `json:"vcs_origin"`
	VCSRef    string   `json:"vcs_ref"` // refs/heads/main, refs/tags/v1
	Contexts  []string `json:"context_ids,omitempty"`
	SSHRerun  bool     `json:"ssh_rerun,omitempty"`
	// Fork says that the pipeline comes from a fork, which gets no tokens.
	Fork bool `json:"fork,omitempty"`
}

// JobIdentity is the identity of the task's job.
func (s *TaskSpec) JobIdentity() JobIdentity {
	p := s.Pipeline
	id := JobIdentity{
		Organization: p.Project.Organization.ID, Project: p.Project.ID, Pipeline: p.ID, Workflow: s.Workflow, Job: s.Job,
		User: p.Trigger.Actor.ID, VCSOrigin: origin(p), Fork: p.Source.Fork != "",
	}
	switch {
	case p.Source.Tag != "":
		id.VCSRef = "refs/tags/" + p.Source.Tag
	case p.Source.Branch != "":
		id.VCSRef = "refs/heads/" + p.Source.Branch
	}
	if s.SSH != nil {
		id.SSHRerun, id.User = true, s.SSH.User
	}
	return id
}

// origin makes host/path of the forms in which git takes addresses.
func origin(p PipelineContext) string {
	address := p.Source.RepositoryURL
	if address == "" {
		address = p.Project.RepositoryURL
	}
	if address == "" {
		return p.Project.Slug()
	}
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Hostname() + u.Path
	} else if _, rest, ok := strings.Cut(address, "@"); ok { // git@host:path
		address = strings.Replace(rest, ":", "/", 1)
	}
	return strings.TrimSuffix(strings.Trim(address, "/"), ".git")
}

// JobTokenRequest asks for tokens of a job. Audience takes the place of what is
// set for the project or the organization.
type JobTokenRequest struct {
	Identity JobIdentity `json:"identity"`
	Audience []string    `json:"audience,omitempty"`
}

// JobTokens are the two forms of one token, which differ in the subject.
type JobTokens struct {
	V1        string    `json:"v1"`
	V2        string    `json:"v2"`
	ExpiresAt time.Time `json:"expires_at"`
}

// JobTokenIssuer signs tokens by which a job proves to others what it is.
type JobTokenIssuer interface {
	// IssueJobTokens signs; CodeForbidden for a fork's pipeline.
	IssueJobTokens(ctx context.Context, r JobTokenRequest) (JobTokens, error)
	// JobTokenKeys returns the public keys as a JSON Web Key Set. Keys that sign no
	// more stay in it for longer than their tokens live.
	JobTokenKeys(ctx context.Context, org OrganizationID) (json.RawMessage, error)
	// JobTokenClaims returns what is set for an organization, or with a project
	// for that.
	JobTokenClaims(ctx context.Context, owner JobTokenOwner) (JobTokenClaims, error)
	// SetJobTokenClaims sets the fields that are not nil and returns all.
	SetJobTokenClaims(ctx context.Context, c JobTokenChange) (JobTokenClaims, error)
}

// JobTokenOwner is an organization, or a project of it.
type JobTokenOwner struct {
	Organization OrganizationID `json:"organization_id"`
	Project      ProjectID      `json:"project_id,omitempty"`
}

// JobTokenClaims are the settings of an owner. What is zero is not set.
type JobTokenClaims struct {
	JobTokenOwner
	Audience   []string      `json:"audience,omitempty"`
	AudienceAt *time.Time    `json:"audience_at,omitempty"`
	TTL        time.Duration `json:"ttl,omitempty"`
	TTLAt      *time.Time    `json:"ttl_at,omitempty"`
}

// JobTokenChange changes settings. An empty audience or a zero TTL unsets.
type JobTokenChange struct {
	JobTokenOwner
	Audience *[]string      `json:"audience,omitempty"`
	TTL      *time.Duration `json:"ttl,omitempty"`
}
