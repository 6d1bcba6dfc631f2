// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
)

// testSSH logs in to a container and to a machine that Nomad placed, on ports
// that Nomad chose, and to Vault with the token of a job.
func testSSH(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, executor := range sshExecutors() {
		t.Run(name, func(t *testing.T) {
			who := person{t: t, bin: bin, dir: t.TempDir(), host: cluster.PublicAddress, token: token}
			jobToken, address := who.logsIn(p, executor.line, executor.want)
			_, port, _ := net.SplitHostPort(address)
			if n, err := strconv.Atoi(port); err != nil || n < 64535 {
				t.Errorf("the port of %s is none that a site opens for builds", address)
			}
			if name == "docker" {
				loginToVault(t, c, jobToken)
			}
		})
	}
}

// loginToVault has Vault trust the organization's issuer, as an operator does
// once, and logs in with the token of a job: no secret is stored anywhere.
func loginToVault(t *testing.T, c *cluster.Cluster, token string) {
	t.Helper()
	env := map[string]string{}
	for _, v := range c.Env() {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	call := func(method, path, token string, body, into any) int {
		t.Helper()
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), method, env["VAULT_ADDR"]+"/v1/"+path, bytes.NewReader(encoded))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Vault-Token", token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_ = json.NewDecoder(response.Body).Decode(into) // an empty answer says as much as its status
		return response.StatusCode
	}
	issuer, audience := issuerOf(t, token)
	var answer struct {
		Errors []string `json:"errors"`
		Auth   struct {
			ClientToken string   `json:"client_token"`
			Policies    []string `json:"policies"`
		} `json:"auth"`
	}
	for _, step := range []struct {
		path string
		body map[string]any
	}{
		{"sys/auth/muster-jobs", map[string]any{"type": "jwt"}},
		{"auth/muster-jobs/config", map[string]any{"oidc_discovery_url": issuer, "bound_issuer": issuer}},
		{"auth/muster-jobs/role/deploy", map[string]any{"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{audience},
			"bound_claims": map[string]any{"oidc.circleci.com/ssh-rerun": true}, "policies": []string{"deploy"}}},
	} {
		if status := call(http.MethodPost, step.path, env["VAULT_TOKEN"], step.body, &answer); status/100 != 2 {
			t.Fatalf("%s: Vault answered %d: %v", step.path, status, answer.Errors)
		}
	}
	if status := call(http.MethodPost, "auth/muster-jobs/login", "", map[string]any{"role": "deploy", "jwt": token}, &answer); status != http.StatusOK || answer.Auth.ClientToken == "" {
		t.Errorf("logging in with the job's token: Vault answered %d: %v", status, answer.Errors)
	}
	cut := token[:len(token)-8] + "AAAAAAAA"
	if status := call(http.MethodPost, "auth/muster-jobs/login", "", map[string]any{"role": "deploy", "jwt": cut}, &answer); status == http.StatusOK {
		t.Error("Vault took a token that was changed")
	}
}

func issuerOf(t *testing.T, token string) (issuer, audience string) {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil || len(claims.Audience) != 1 {
		t.Fatalf("the claims %+v: %v", claims, err)
	}
	return claims.Issuer, claims.Audience[0]
}
