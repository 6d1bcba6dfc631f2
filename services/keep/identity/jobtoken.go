// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
)

const (
	defaultTTL  = time.Hour
	maxAudience = 20
	maxAudText  = 512
)

// jobClaims are those of CircleCI's tokens. The names are its own, so that a
// trust policy which was written for it holds here with another issuer.
type jobClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  any      `json:"aud"` // one text, or a list of several
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	Org       string   `json:"oidc.circleci.com/org-id"`
	Project   string   `json:"oidc.circleci.com/project-id"`
	Pipeline  string   `json:"oidc.circleci.com/pipeline-id"`
	Workflow  string   `json:"oidc.circleci.com/workflow-id"`
	Job       string   `json:"oidc.circleci.com/job-id"`
	VCSOrigin string   `json:"oidc.circleci.com/vcs-origin,omitempty"`
	VCSRef    string   `json:"oidc.circleci.com/vcs-ref,omitempty"`
	Contexts  []string `json:"oidc.circleci.com/context-ids"`
	SSHRerun  bool     `json:"oidc.circleci.com/ssh-rerun"`
}

// IssueJobTokens implements core.JobTokenIssuer.
func (s *Service) IssueJobTokens(ctx context.Context, r core.JobTokenRequest) (core.JobTokens, error) {
	id := r.Identity
	switch {
	case id.Fork:
		return core.JobTokens{}, core.Errorf(core.CodeForbidden, "A fork's pipeline gets no OIDC tokens.")
	case id.Organization == "" || id.Project == "":
		return core.JobTokens{}, core.Errorf(core.CodeInvalid, "A token of a job needs its organization and project.")
	case s.cfg.Issuer == "":
		return core.JobTokens{}, core.Errorf(core.CodeUnavailable, "the address that tokens name as their issuer is not set; an operator sets cluster { base_url }")
	}
	if err := checkAudience(r.Audience); err != nil {
		return core.JobTokens{}, err
	}
	audience, ttl, err := s.chosen(ctx, r)
	if err != nil {
		return core.JobTokens{}, err
	}
	claims := s.claims(id, audience, ttl)
	other := claims
	other.Subject += "/vcs-origin/" + id.VCSOrigin + "/vcs-ref/" + id.VCSRef
	signed, err := s.sign(ctx, claims, other)
	if err != nil {
		return core.JobTokens{}, err
	}
	tokens := core.JobTokens{V1: signed[0], V2: signed[1], ExpiresAt: time.Unix(claims.Expires, 0).UTC()}
	s.deps.Logger.Info("job token issued", "job_id", id.Job, "project_id", id.Project, "audience", strings.Join(audience, " "), "ssh_rerun", id.SSHRerun)
	return tokens, nil
}

func (s *Service) claims(id core.JobIdentity, audience []string, ttl time.Duration) jobClaims {
	now := s.deps.Clock()
	c := jobClaims{
		Issuer:  strings.TrimRight(s.cfg.Issuer, "/") + "/org/" + string(id.Organization),
		Subject: fmt.Sprintf("org/%s/project/%s/user/%s", id.Organization, id.Project, id.User), Audience: audience,
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(ttl).Unix(),
		Org: string(id.Organization), Project: string(id.Project), Pipeline: string(id.Pipeline), Workflow: string(id.Workflow),
		Job: string(id.Job), VCSOrigin: id.VCSOrigin, VCSRef: id.VCSRef, Contexts: id.Contexts, SSHRerun: id.SSHRerun,
	}
	if len(audience) == 1 {
		c.Audience = audience[0]
	}
	if c.Contexts == nil {
		c.Contexts = []string{}
	}
	return c
}

// chosen are the audience and the life of a token: as asked for, as set for the
// project, as set for the organization, or the default.
func (s *Service) chosen(ctx context.Context, r core.JobTokenRequest) (audience []string, ttl time.Duration, err error) {
	audience, ttl = r.Audience, 0
	owner := core.JobTokenOwner{Organization: r.Identity.Organization, Project: r.Identity.Project}
	for _, o := range []core.JobTokenOwner{owner, {Organization: owner.Organization}} {
		set, err := s.JobTokenClaims(ctx, o)
		if err != nil {
			return nil, 0, err
		}
		if len(audience) == 0 {
			audience = set.Audience
		}
		if ttl == 0 {
			ttl = set.TTL
		}
	}
	if len(audience) == 0 {
		audience = []string{string(owner.Organization)}
	}
	if ttl == 0 {
		ttl = defaultTTL
	}
	return audience, ttl, nil
}

func checkAudience(audience []string) error {
	if len(audience) > maxAudience {
		return core.Errorf(core.CodeInvalid, "A token may have %d audiences.", maxAudience)
	}
	for _, a := range audience {
		if a == "" || len(a) > maxAudText || strings.ContainsFunc(a, func(r rune) bool { return r < ' ' }) {
			return core.Errorf(core.CodeInvalid, "An audience needs 1 to %d characters.", maxAudText)
		}
	}
	return nil
}
