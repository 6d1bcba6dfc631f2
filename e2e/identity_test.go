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
	file := filepath.Join(t.TempDir(), "foreign.nomad.hcl")
	if err := os.WriteFile(file, []byte(foreignJob), 0o600); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	files, err := c.IdentityFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range files { // of jobs that have ended and are still shown
		known[left] = true
	}
	if _, err := c.Nomad(t.Context(), "job", "run", "-detach", file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended then
		defer cancel()
		_, _ = c.Nomad(ctx, "job", "stop", "-namespace=muster-builds", "-purge", "-detach", "m-aaaaaaaaaaaaaaaaaaaaaaaaaa")
	})
	foreign := identity(t, c, known)
	// The agent claims when the service container has started, and removes its
	// identity then: until that moment the file is there to be read.
	id := p.Trigger(t, p.Project(t, "identities"), guarded)
	own := identity(t, c, known)
	s := p.Await(t, id, "the job runs", func(s scenario.State) bool { return running(s) == 1 })
	steps, err := p.Client.JobSteps(t.Context(), s.Job(t, "build").ID)
	if err != nil {
		t.Fatal(err)
	}
	attempt := steps.Tasks[0].Attempts[0].ID
	if job := subject(t, own); job != attempt {
		t.Fatalf("the identity is of %s and not of %s", job, attempt)
	}
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

// guarded is a job whose agent waits for another container before it claims.
const guarded = `version: 2.1
jobs:
  build:
    docker:
      - image: muster-busybox:local
      - image: muster-busybox:local
        command: ["sleep", "300"]
    steps:
      - run: sleep 30
`

// identity waits until Nomad has written an identity whose file is not known,
// makes it known, and returns it. It looks often: an agent leaves the file there
// for no longer than it needs it.
func identity(t *testing.T, c *cluster.Cluster, known map[string]bool) string {
	t.Helper()
	deadline, look := time.After(time.Minute), time.NewTicker(2*time.Millisecond)
	defer look.Stop()
	for {
		files, err := c.IdentityFiles()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			token, err := os.ReadFile(file)
			if known[file] || err != nil || len(token) == 0 {
				continue // not written yet, or gone already
			}
			known[file] = true
			return string(token)
		}
		select {
		case <-deadline:
			t.Fatal("no further identity within a minute")
		case <-look.C:
		}
	}
}

// subject returns which nomad job an identity says that it is of.
func subject(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Job string `json:"nomad_job_id"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		t.Fatal(err)
	}
	return claims.Job
}
