// SPDX-License-Identifier: MPL-2.0

package identity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/services/keep/identity"
)

var golden = flag.Bool("golden", false, "rewrite the golden files")

// issuer is a service whose loops do not run.
func issuer(t *testing.T, db *store.DB, keys secrets.Signer, c *testx.Clock) *identity.Service {
	t.Helper()
	s, err := identity.New(identity.Config{MaxTokens: 1, Issuer: "https://ci.example.com/"}, identity.Deps{
		Logger: hclog.NewNullLogger(), Clock: c.Now, NewID: core.NewID, DB: db, Signer: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func newClock() *testx.Clock { return testx.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) }

// job is the identity of a rerun with SSH of a job on a branch.
func job() core.JobIdentity {
	spec := core.TaskSpec{Job: "job-1", Workflow: "workflow-1", SSH: &core.SSHAccess{User: "user-2"}}
	spec.Pipeline = core.PipelineContext{ID: "pipeline-1", Project: core.Project{ID: "project-1", Organization: core.Organization{ID: "org-1"}},
		Trigger: core.Trigger{Actor: core.User{ID: "user-1"}}, Source: core.Source{RepositoryURL: "git@github.com:acme/site.git", Branch: "main"}}
	return spec.JobIdentity()
}

// verified checks a token as anybody would who has fetched the keys.
func verified(t *testing.T, s *identity.Service, token string) map[string]any {
	t.Helper()
	raw, err := s.JobTokenKeys(t.Context(), "org-1")
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys.Keys {
		if !key.IsPublic() {
			t.Fatal("a private key is served")
		}
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := parsed.Claims(keys, &claims); err != nil {
		t.Fatalf("verifying: %v", err)
	}
	return claims
}

func issue(t *testing.T, s *identity.Service, r core.JobTokenRequest) core.JobTokens {
	t.Helper()
	tokens, err := s.IssueJobTokens(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestClaims(t *testing.T) {
	t.Parallel()
	s := issuer(t, storetest.Open(t, "identity"), signer(t), newClock())
	tokens := issue(t, s, core.JobTokenRequest{Identity: job()})
	b, err := json.MarshalIndent([]map[string]any{verified(t, s, tokens.V1), verified(t, s, tokens.V2)}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "claims.json")
	if *golden {
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(b)); diff != "" {
		t.Errorf("(-want +got); rewrite with -golden:\n%s", diff)
	}
	if parts := strings.Split(tokens.V1, "."); verifies(s, parts[0]+"."+parts[1]+"."+strings.Split(tokens.V2, ".")[2]) {
		t.Error("another token's signature was taken")
	}
}

func verifies(s *identity.Service, token string) bool {
	raw, err := s.JobTokenKeys(context.Background(), "org-1")
	if err != nil {
		return false
	}
	var keys jose.JSONWebKeySet
	parsed, parseErr := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	return json.Unmarshal(raw, &keys) == nil && parseErr == nil && parsed.Claims(keys, &map[string]any{}) == nil
}

func TestAudienceAndLife(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		c := newClock()
		s := issuer(t, open(), signer(t), c)
		org, project := core.JobTokenOwner{Organization: "org-1"}, core.JobTokenOwner{Organization: "org-1", Project: "project-1"}
		set := func(owner core.JobTokenOwner, audience []string, ttl time.Duration) {
			t.Helper()
			got, err := s.SetJobTokenClaims(t.Context(), core.JobTokenChange{JobTokenOwner: owner, Audience: &audience, TTL: &ttl})
			if err != nil || got.TTL != ttl || got.TTLAt == nil {
				t.Fatalf("setting claims: got %+v, %v", got, err)
			}
		}
		check := func(what string, r core.JobTokenRequest, audience any, ttl time.Duration) {
			t.Helper()
			r.Identity = job()
			claims := verified(t, s, issue(t, s, r).V1)
			if diff := cmp.Diff(audience, claims["aud"]); diff != "" || claims["exp"].(float64)-claims["iat"].(float64) != ttl.Seconds() {
				t.Errorf("%s: got %v for %v to %v", what, claims["aud"], claims["iat"], claims["exp"])
			}
		}
		check("nothing is set", core.JobTokenRequest{}, "org-1", time.Hour)
		set(org, []string{"https://a", "https://b"}, 2*time.Hour)
		check("the organization's", core.JobTokenRequest{}, []any{"https://a", "https://b"}, 2*time.Hour)
		set(project, []string{"https://c"}, 0)
		check("the project's audience", core.JobTokenRequest{}, "https://c", 2*time.Hour)
		check("one of its own", core.JobTokenRequest{Audience: []string{"vault"}}, "vault", 2*time.Hour)
		set(org, nil, 0)
		set(project, nil, 5*time.Minute)
		check("unset again", core.JobTokenRequest{}, "org-1", 5*time.Minute)
	})
}

func TestTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := issuer(t, storetest.Open(t, "identity"), signer(t), newClock())
	fork := job()
	fork.Fork = true
	for name, r := range map[string]struct {
		core.JobTokenRequest
		code core.Code
	}{
		"a fork":           {core.JobTokenRequest{Identity: fork}, core.CodeForbidden},
		"nobody":           {core.JobTokenRequest{}, core.CodeInvalid},
		"a long audience":  {core.JobTokenRequest{Identity: job(), Audience: []string{strings.Repeat("a", 1000)}}, core.CodeInvalid},
		"an empty one":     {core.JobTokenRequest{Identity: job(), Audience: []string{""}}, core.CodeInvalid},
		"many audiences":   {core.JobTokenRequest{Identity: job(), Audience: make([]string, 100)}, core.CodeInvalid},
		"a line in an aud": {core.JobTokenRequest{Identity: job(), Audience: []string{"a\nb"}}, core.CodeInvalid},
	} {
		if got, err := s.IssueJobTokens(t.Context(), r.JobTokenRequest); core.ErrorCode(err) != r.code || got.V1 != "" {
			t.Errorf("%s: got %v, want %s", name, err, r.code)
		}
	}
	for _, ttl := range []time.Duration{time.Second, 48 * time.Hour, -time.Hour} {
		_, err := s.SetJobTokenClaims(t.Context(), core.JobTokenChange{JobTokenOwner: core.JobTokenOwner{Organization: "o"}, TTL: &ttl})
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("a ttl of %s: got %v", ttl, err)
		}
	}
}

// TestKeysTurn follows a key from its making to its end: it is served before it
// signs and as long as a token of it lives, also to another process.
func TestKeysTurn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		c, keys := newClock(), signer(t)
		s := issuer(t, open(), keys, c)
		first := issue(t, s, core.JobTokenRequest{Identity: job()})
		c.Advance(31 * 24 * time.Hour)
		turn(t, s)
		if diff := cmp.Diff([]string{kid(t, first.V1)}, []string{kid(t, issue(t, s, core.JobTokenRequest{Identity: job()}).V1)}); diff != "" {
			t.Errorf("the new key signs before anybody can know it:\n%s", diff)
		}
		c.Advance(2 * time.Hour)
		other := issuer(t, open(), keys, c)
		second := issue(t, other, core.JobTokenRequest{Identity: job()})
		if kid(t, second.V1) == kid(t, first.V1) {
			t.Error("the old key still signs")
		}
		verified(t, other, first.V1)
		verified(t, s, second.V1)
		c.Advance(72 * time.Hour)
		turn(t, s)
		verified(t, s, second.V1)
		if verifies(s, first.V1) {
			t.Error("a key is served for ever")
		}
	})
}

// turn runs the loop until it has looked once.
func turn(t *testing.T, s *identity.Service) {
	t.Helper()
	if err := s.TurnKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func kid(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(parsed.Headers) != 1 {
		t.Fatalf("got %v", err)
	}
	return parsed.Headers[0].KeyID
}
