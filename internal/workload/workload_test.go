// SPDX-License-Identifier: MPL-2.0

package workload_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/internal/workload/workloadtest"
)

func newJWKS(t *testing.T, issuer *workloadtest.Issuer, clock *testx.Clock, change func(*workload.JWKSConfig)) *workload.JWKS {
	t.Helper()
	cfg := workload.JWKSConfig{URL: issuer.URL(), Audience: workloadtest.Audience, HTTPClient: issuer.Client(), Clock: clock.Now}
	if change != nil {
		change(&cfg)
	}
	v, err := workload.NewJWKS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestJWKSConformance(t *testing.T) {
	t.Parallel()
	workloadtest.Run(t, func(t *testing.T) workloadtest.Setup {
		issuer, clock := workloadtest.NewIssuer(t), testx.NewClock(workloadtest.Start)
		return workloadtest.Setup{
			Verifier: newJWKS(t, issuer, clock, nil), Sign: issuer.Sign, KeyID: "key-0", Advance: clock.Advance,
		}
	})
}

func TestLocalConformance(t *testing.T) {
	t.Parallel()
	workloadtest.Run(t, func(t *testing.T) workloadtest.Setup {
		clock, dir := testx.NewClock(workloadtest.Start), t.TempDir()
		local := newLocal(t, dir, clock)
		private, id := localKey(t, dir, local)
		return workloadtest.Setup{
			Verifier: local, KeyID: id, Advance: clock.Advance,
			Sign: func(claims map[string]any) string {
				return workloadtest.Sign(t, jose.EdDSA, private, id, claims)
			},
		}
	})
}

// TestLocalThroughJWKS has the tokens of the local issuer verified by the
// cluster's verifier: both speak of the same tokens.
func TestLocalThroughJWKS(t *testing.T) {
	t.Parallel()
	workloadtest.Run(t, func(t *testing.T) workloadtest.Setup {
		clock, dir := testx.NewClock(workloadtest.Start), t.TempDir()
		local := newLocal(t, dir, clock)
		server := httptest.NewServer(local)
		t.Cleanup(server.Close)
		v, err := workload.NewJWKS(workload.JWKSConfig{URL: server.URL, Audience: workloadtest.Audience, Clock: clock.Now, HTTPClient: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		private, id := localKey(t, dir, local)
		return workloadtest.Setup{
			Verifier: v, KeyID: id, Advance: clock.Advance,
			Sign: func(claims map[string]any) string {
				return workloadtest.Sign(t, jose.EdDSA, private, id, claims)
			},
		}
	})
}

func newLocal(t *testing.T, dir string, clock *testx.Clock) *workload.Local {
	t.Helper()
	local, err := workload.NewLocal(dir, workloadtest.Audience, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return local
}

// localKey reads the issuer's key, which only tests may do, and its id.
func localKey(t *testing.T, dir string, local *workload.Local) (ed25519.PrivateKey, string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "identity.key"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	local.ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(recorder.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 || !set.Keys[0].IsPublic() {
		t.Fatalf("got key set %s (%v), want one public key", recorder.Body, err)
	}
	return ed25519.NewKeyFromSeed(seed), set.Keys[0].KeyID
}

func TestLocalIssues(t *testing.T) {
	t.Parallel()
	clock, dir := testx.NewClock(workloadtest.Start), t.TempDir()
	claims := workload.Claims{JobID: "m-1", AllocationID: "a", Task: "agent", Namespace: "default"}
	token, err := newLocal(t, dir, clock).Issue(claims, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	// A second process with the same folder.
	got, err := newLocal(t, dir, clock).Verify(t.Context(), token)
	claims.ExpiresAt = workloadtest.Start.Add(time.Minute)
	if err != nil || !got.ExpiresAt.Equal(claims.ExpiresAt) || got.JobID != "m-1" || got.AllocationID != "a" {
		t.Errorf("got %+v, %v", got, err)
	}
	workloadtest.Refused(t, newLocal(t, t.TempDir(), clock), token)
	if _, err := newLocal(t, dir, clock).Issue(workload.Claims{JobID: "m-1"}, time.Minute); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("issuing incomplete claims: got %v, want invalid", err)
	}
	if _, err := newLocal(t, dir, clock).Issue(claims, 0); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("issuing without a time to live: got %v, want invalid", err)
	}
}

func TestJWKSRotation(t *testing.T) {
	t.Parallel()
	issuer, clock := workloadtest.NewIssuer(t), testx.NewClock(workloadtest.Start)
	v := newJWKS(t, issuer, clock, nil)
	first := issuer.Sign(workloadtest.Claims())
	accepted(t, v, first)
	clock.Advance(10 * time.Second)
	issuer.Rotate()
	accepted(t, v, issuer.Sign(workloadtest.Claims()))
	if got := issuer.Fetches(); got != 2 {
		t.Errorf("the keys were fetched %d times, want 2", got)
	}
	// A withdrawn key is forgotten once keys are old, and so is the cached token.
	issuer.Withdraw()
	clock.Advance(11 * time.Minute)
	workloadtest.Refused(t, v, first)
}

func TestJWKSOutage(t *testing.T) {
	t.Parallel()
	issuer, clock := workloadtest.NewIssuer(t), testx.NewClock(workloadtest.Start)
	v := newJWKS(t, issuer, clock, nil)
	issuer.SetAway(true)
	unavailable(t, v, issuer.Sign(workloadtest.Claims()))
	issuer.SetAway(false)
	clock.Advance(5 * time.Second)
	accepted(t, v, issuer.Sign(workloadtest.Claims()))
	issuer.SetAway(true)
	clock.Advance(30 * time.Minute)
	claims := workloadtest.Claims()
	claims["nomad_task"] = "not cached"
	accepted(t, v, issuer.Sign(claims))
	// A key that nobody could look up is no proof of a forgery.
	issuer.Rotate()
	unavailable(t, v, issuer.Sign(workloadtest.Claims()))
}

// TestJWKSBoundsFetches shows key ids that someone made up.
func TestJWKSBoundsFetches(t *testing.T) {
	t.Parallel()
	issuer, clock := workloadtest.NewIssuer(t), testx.NewClock(workloadtest.Start)
	v := newJWKS(t, issuer, clock, nil)
	good := issuer.Sign(workloadtest.Claims())
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for i := range 100 {
		done.Go(func() {
			bad := workloadtest.Sign(t, jose.EdDSA, private, strings.Repeat("x", i), workloadtest.Claims())
			if claims, err := v.Verify(t.Context(), bad); err == nil {
				t.Errorf("accepted as %+v", claims)
			}
		})
	}
	done.Wait()
	accepted(t, v, good)
	if got := issuer.Fetches(); got > 2 {
		t.Errorf("the keys were fetched %d times within no time", got)
	}
}

func TestJWKSKeySet(t *testing.T) {
	t.Parallel()
	issuer, clock := workloadtest.NewIssuer(t), testx.NewClock(workloadtest.Start)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("01234567890123456789012345678901")
	issuer.Publish(map[string]string{"kty": "from the future", "kid": "odd"})
	issuer.Publish(jose.JSONWebKey{Key: secret, KeyID: "symmetric"})
	issuer.Publish(jose.JSONWebKey{Key: weak.Public(), KeyID: "weak"})
	v := newJWKS(t, issuer, clock, nil)
	accepted(t, v, issuer.Sign(workloadtest.Claims()))
	clock.Advance(time.Minute)
	workloadtest.Refused(t, v, workloadtest.Sign(t, jose.HS256, secret, "symmetric", workloadtest.Claims()))
	clock.Advance(time.Minute)
	workloadtest.Refused(t, v, workloadtest.Sign(t, jose.RS256, weak, "weak", workloadtest.Claims()))
}

func TestJWKSConfig(t *testing.T) {
	t.Parallel()
	issuer, clock := workloadtest.NewIssuer(t), testx.NewClock(workloadtest.Start)
	strict := newJWKS(t, issuer, clock, func(cfg *workload.JWKSConfig) { cfg.Issuer = "https://nomad.example" })
	workloadtest.Refused(t, strict, issuer.Sign(workloadtest.Claims()))
	claims := workloadtest.Claims()
	claims["iss"] = "https://nomad.example"
	accepted(t, strict, issuer.Sign(claims))
	unending := newJWKS(t, issuer, clock, func(cfg *workload.JWKSConfig) { cfg.AllowUnending = true })
	delete(claims, "exp")
	accepted(t, unending, issuer.Sign(claims))
	for _, cfg := range []workload.JWKSConfig{{Audience: "muster"}, {URL: "file:///etc/passwd", Audience: "muster"}, {URL: issuer.URL()}} {
		if _, err := workload.NewJWKS(cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: got %v, want invalid", cfg, err)
		}
	}
}

func accepted(t *testing.T, v workload.Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a good token was refused: %v", err)
	}
}

func unavailable(t *testing.T, v workload.Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}
