// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/wire"
)

func trimmed(s string) string { return strings.TrimSpace(s) }

// foreignJob is a Nomad job that Muster knows nothing of, with an identity for
// Muster's audience: real, signed by Nomad, and of no attempt.
const foreignJob = `
job "m-aaaaaaaaaaaaaaaaaaaaaaaaaa" {
  namespace = "muster-builds"
  type      = "batch"
  group "g" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    task "agent" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["300"]
      }
      identity {
        name = "muster"
        aud  = ["muster"]
        file = true
        ttl  = "1h"
      }
    }
  }
}
`

// claim asks 8585 for the work of whoever the token says, and returns the
// status.
func claim(t *testing.T, token string) int {
	t.Helper()
	body, err := json.Marshal(wire.ClaimRequest{Nonce: "another process entirely", AgentVersion: "test", Host: "test"})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, cluster.OutputAddress+wire.PathClaim, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// forged is an identity that looks right and is signed by nobody that Nomad
// knows.
func forged(t *testing.T, job, allocation string) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "made-up"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"aud": "muster", "exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Add(-time.Minute).Unix(),
		"nomad_namespace": "muster-builds", "nomad_job_id": job, "nomad_allocation_id": allocation, "nomad_task": "agent",
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// testIdentities presents identities at 8585 that must not get any work.
func testIdentities(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	id := p.Trigger(t, p.Project(t, "identities"), "version: 2.1\njobs:\n  build:\n    machine: true\n    steps:\n      - run: sleep 30\n")
	s := p.Await(t, id, "the job runs", func(s scenario.State) bool { return running(s) == 1 })
	steps, err := p.Client.JobSteps(t.Context(), s.Job(t, "build").ID)
	if err != nil {
		t.Fatal(err)
	}
	attempt := steps.Tasks[0].Attempts[0].ID
	file := filepath.Join(t.TempDir(), "foreign.nomad.hcl")
	if err := os.WriteFile(file, []byte(foreignJob), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Nomad(t.Context(), "job", "run", "-detach", file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended then
		defer cancel()
		_, _ = c.Nomad(ctx, "job", "stop", "-namespace=muster-builds", "-purge", "-detach", "m-aaaaaaaaaaaaaaaaaaaaaaaaaa")
	})
	own, foreign := identities(t, c, attempt)
	for _, test := range []struct {
		name, token string
		want        []int
	}{
		{"none", "", []int{401}},
		{"garbage", "not.a.token", []int{401}},
		{"forged for a real attempt", forged(t, attempt, "00000000-0000-0000-0000-000000000000"), []int{401, 503}},
		{"a real one of no attempt", foreign, []int{403, 404}},
		{"the attempt's own, from another process", own, []int{403, 409, 410}},
		{"cut", own[:len(own)-4], []int{401}},
	} {
		got := claim(t, test.token)
		if !contains(test.want, got) {
			t.Errorf("%s: got %d, want one of %v", test.name, got, test.want)
		}
	}
	if err := p.Client.CancelJob(t.Context(), s.Job(t, "build").ID); err != nil {
		t.Fatal(err)
	}
	p.AwaitEnd(t, id)
}

func contains(all []int, one int) bool {
	for _, n := range all {
		if n == one {
			return true
		}
	}
	return false
}

// identities waits until Nomad has written the identity of the attempt and of
// the foreign job, and returns both.
func identities(t *testing.T, c *cluster.Cluster, attempt string) (own, foreign string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for own == "" || foreign == "" {
		files, err := c.IdentityFiles()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			token, err := os.ReadFile(file)
			if err != nil {
				continue // its allocation has gone meanwhile
			}
			parsed, err := jwt.ParseSigned(string(token), []jose.SignatureAlgorithm{jose.RS256, jose.EdDSA})
			if err != nil {
				t.Fatal(err)
			}
			var claims struct {
				Job string `json:"nomad_job_id"`
			}
			if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
				t.Fatal(err)
			}
			switch claims.Job {
			case attempt:
				own = string(token)
			case "m-aaaaaaaaaaaaaaaaaaaaaaaaaa":
				foreign = string(token)
			}
		}
		select {
		case <-deadline:
			t.Fatalf("no identity of %s or of the foreign job within a minute", attempt)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return own, foreign
}
