// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

func (s *Service) oidcEndpoints() []endpoint {
	org, project := v2+"/org/:org/oidc-custom-claims", v2+"/org/:org/project/:project/oidc-custom-claims"
	known := "/org/:org/.well-known"
	return []endpoint{
		{method: http.MethodGet, path: known + "/openid-configuration", summary: "OpenID Connect discovery, for those who check tokens of jobs", access: accessAnybody, status: 200, out: api.OIDCDiscovery{}, raw: s.discovery},
		{method: http.MethodGet, path: known + "/jwks-pub.json", summary: "Public keys of the tokens of jobs", access: accessAnybody, status: 200, out: api.KeySet{}, raw: s.jobTokenKeys},
		{method: http.MethodGet, path: org, summary: "Get the custom claims of an organization's OIDC tokens", status: 200, out: api.OIDCClaims{}, serve: s.getClaims},
		{method: http.MethodPatch, path: org, summary: "Set custom claims of an organization's OIDC tokens", access: accessAdmin, status: 200, in: api.OIDCClaimsChange{}, out: api.OIDCClaims{}, serve: s.setClaims},
		{method: http.MethodDelete, path: org, summary: "Unset custom claims of an organization's OIDC tokens", access: accessAdmin, status: 200, query: []string{"claims"}, out: api.OIDCClaims{}, serve: s.unsetClaims},
		{method: http.MethodGet, path: project, summary: "Get the custom claims of a project's OIDC tokens", status: 200, out: api.OIDCClaims{}, serve: s.getClaims},
		{method: http.MethodPatch, path: project, summary: "Set custom claims of a project's OIDC tokens", access: accessAdmin, status: 200, in: api.OIDCClaimsChange{}, out: api.OIDCClaims{}, serve: s.setClaims},
		{method: http.MethodDelete, path: project, summary: "Unset custom claims of a project's OIDC tokens", access: accessAdmin, status: 200, query: []string{"claims"}, out: api.OIDCClaims{}, serve: s.unsetClaims},
	}
}

const (
	// keysFresh is how long answers about keys may be kept by others. A key is
	// served for longer than that before it signs, unless others were revoked.
	keysFresh = 5 * time.Minute
	// keysKept is how long we keep them: whoever meets an unknown key asks again
	// at once, and is to be told of it.
	keysKept = 10 * time.Second
)

// organizationID is the form of the ids that become part of an issuer.
var organizationID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// discovery answers GET /org/{org}/.well-known/openid-configuration. It is the
// same for every id: that a token is of an organization, its issuer says.
func (s *Service) discovery(c *gin.Context) {
	org := c.Param("org")
	if !organizationID.MatchString(org) {
		fail(c, core.Errorf(core.CodeNotFound, "There is no such organization."))
		return
	}
	issuer := s.url + "/org/" + org
	cacheable(c)
	c.JSON(http.StatusOK, api.OIDCDiscovery{
		Issuer: issuer, JWKSURI: issuer + "/.well-known/jwks-pub.json",
		Subjects: []string{"public"}, ResponseTypes: []string{"id_token"}, Algorithms: []string{"RS256"}, Scopes: []string{"openid"},
		Claims: []string{"aud", "exp", "iat", "iss", "nbf", "sub",
			"oidc.circleci.com/context-ids", "oidc.circleci.com/job-id", "oidc.circleci.com/org-id", "oidc.circleci.com/pipeline-id",
			"oidc.circleci.com/project-id", "oidc.circleci.com/ssh-rerun", "oidc.circleci.com/vcs-origin", "oidc.circleci.com/vcs-ref", "oidc.circleci.com/workflow-id"},
	})
}

func cacheable(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age="+strconv.Itoa(int(keysFresh.Seconds())))
}

// knownKeys keeps the keys that identity answered last: tokens are to be
// checked also while it is away.
type knownKeys struct {
	mu   sync.Mutex
	keys json.RawMessage
	at   time.Time
}

func (k *knownKeys) get(ctx context.Context, now time.Time, ask func(context.Context) (json.RawMessage, error)) (json.RawMessage, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys != nil && now.Sub(k.at) < keysKept {
		return k.keys, nil
	}
	keys, err := ask(ctx)
	switch {
	case err == nil:
		k.keys, k.at = keys, now
	case k.keys == nil:
		return nil, err
	}
	return k.keys, nil
}

// jobTokenKeys answers GET /org/{org}/.well-known/jwks-pub.json.
func (s *Service) jobTokenKeys(c *gin.Context) {
	org := c.Param("org")
	if !organizationID.MatchString(org) {
		fail(c, core.Errorf(core.CodeNotFound, "There is no such organization."))
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.timeout())
	defer cancel()
	keys, err := s.keys.get(ctx, s.deps.Clock(), func(ctx context.Context) (json.RawMessage, error) {
		return s.deps.Peers.JobTokens.JobTokenKeys(ctx, core.OrganizationID(org))
	})
	if err != nil {
		fail(c, err)
		return
	}
	cacheable(c)
	c.Data(http.StatusOK, "application/json; charset=utf-8", keys)
}

// claimsOwner is the organization in the address, or the project of it.
func (s *Service) claimsOwner(r *request) (core.JobTokenOwner, error) {
	org, err := r.id("org")
	if err != nil {
		return core.JobTokenOwner{}, err
	}
	owner := core.JobTokenOwner{Organization: core.OrganizationID(org)}
	id := r.gin.Param("project")
	if id == "" {
		organizations, err := s.Organizations(r.ctx())
		if err != nil {
			return owner, err
		}
		for _, o := range organizations {
			if o.ID == owner.Organization {
				return owner, nil
			}
		}
		return owner, core.Errorf(core.CodeNotFound, "There is no such organization.")
	}
	if len(id) > 64 {
		return owner, core.Errorf(core.CodeNotFound, "There is no such project.")
	}
	project, err := s.deps.Peers.Projects.Project(r.ctx(), core.ProjectID(id))
	if err != nil {
		return owner, err
	}
	if project.Organization.ID != owner.Organization {
		return owner, core.Errorf(core.CodeNotFound, "The organization has no such project.")
	}
	owner.Project = project.ID
	return owner, nil
}

// getClaims answers GET .../oidc-custom-claims.
func (s *Service) getClaims(r *request) (any, error) {
	owner, err := s.claimsOwner(r)
	if err != nil {
		return nil, err
	}
	claims, err := s.deps.Peers.JobTokens.JobTokenClaims(r.ctx(), owner)
	return showClaims(owner, claims), err
}

// setClaims answers PATCH .../oidc-custom-claims.
func (s *Service) setClaims(r *request) (any, error) {
	var in api.OIDCClaimsChange
	if err := r.body(&in); err != nil {
		return nil, err
	}
	change := core.JobTokenChange{Audience: in.Audience}
	if in.TTL != nil {
		ttl, err := parseTTL(*in.TTL)
		if err != nil {
			return nil, err
		}
		change.TTL = &ttl
	}
	return s.changeClaims(r, change)
}

// unsetClaims answers DELETE .../oidc-custom-claims?claims=audience,ttl.
func (s *Service) unsetClaims(r *request) (any, error) {
	var change core.JobTokenChange
	for _, name := range strings.Split(r.query("claims"), ",") {
		switch strings.TrimSpace(name) {
		case "audience":
			change.Audience = &[]string{}
		case "ttl":
			change.TTL = new(time.Duration)
		default:
			return nil, core.Errorf(core.CodeInvalid, "claims must name what to unset: audience, ttl, or both with a comma.")
		}
	}
	return s.changeClaims(r, change)
}

func (s *Service) changeClaims(r *request, change core.JobTokenChange) (any, error) {
	owner, err := s.claimsOwner(r)
	if err != nil {
		return nil, err
	}
	change.JobTokenOwner = owner
	claims, err := s.deps.Peers.JobTokens.SetJobTokenClaims(r.ctx(), change)
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("custom claims changed", "organization_id", owner.Organization, "project_id", owner.Project, "user_id", r.user.ID)
	return showClaims(owner, claims), nil
}

func showClaims(owner core.JobTokenOwner, c core.JobTokenClaims) api.OIDCClaims {
	shown := api.OIDCClaims{OrgID: string(owner.Organization), ProjectID: string(owner.Project), Audience: c.Audience, AudienceAt: c.AudienceAt, TTLAt: c.TTLAt}
	if c.TTL > 0 {
		shown.TTL = strings.TrimSuffix(strings.TrimSuffix(c.TTL.String(), "0s"), "0m")
	}
	return shown
}

var ttlPattern = regexp.MustCompile(`^([0-9]{1,9}(ms|s|m|h|d|w)){1,7}$`)
var ttlPart = regexp.MustCompile(`([0-9]+)(ms|s|m|h|d|w)`)

// parseTTL reads a length of time as CircleCI writes it: 1h, 1d12h.
func parseTTL(text string) (time.Duration, error) {
	if !ttlPattern.MatchString(text) {
		return 0, core.Errorf(core.CodeInvalid, "%.40q is no ttl; write it like \"1h\" or \"90m\".", text)
	}
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	var sum time.Duration
	for _, part := range ttlPart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseInt(part[1], 10, 32)
		if err != nil || n > int64(366*24*time.Hour/units[part[2]]) {
			return 0, core.Errorf(core.CodeInvalid, "%.40q is too long for a ttl.", text)
		}
		sum += time.Duration(n) * units[part[2]]
	}
	return sum, nil
}
