// SPDX-License-Identifier: MPL-2.0

package workloadtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/workload"
)

// Audience is the one that the verifiers under test accept.
const Audience = "muster"

// Start is the time at which every test begins.
var Start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// Setup is one verifier under test and the issuer that it trusts.
type Setup struct {
	Verifier workload.Verifier
	// Sign returns a token with these claims and the headers of a good one.
	Sign func(claims map[string]any) string
	// KeyID names the issuer's key.
	KeyID string
	// Advance moves the verifier's clock.
	Advance func(d time.Duration)
}

// Claims returns the claims of a good token, for a test to spoil.
func Claims() map[string]any {
	return map[string]any{
		"iss": "muster", "aud": Audience, "iat": Start.Unix(), "nbf": Start.Unix(), "exp": Start.Add(time.Hour).Unix(),
		"nomad_job_id": "m-abc", "nomad_allocation_id": "0f1e", "nomad_task": "agent", "nomad_namespace": "default",
	}
}

// Run runs the suite; open returns a fresh setup.
func Run(t *testing.T, open func(t *testing.T) Setup) {
	t.Helper()
	t.Run("good", func(t *testing.T) { t.Parallel(); good(t, open(t)) })
	t.Run("expiry", func(t *testing.T) { t.Parallel(); expiry(t, open(t)) })
	for name, spoil := range spoiledClaims() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			claims := Claims()
			spoil(claims)
			Refused(t, s.Verifier, s.Sign(claims))
		})
	}
	for name, spoil := range spoiledTokens() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			Refused(t, s.Verifier, spoil(t, s))
		})
	}
}

// Refused fails unless the token is CodeUnauthorized.
func Refused(t *testing.T, v workload.Verifier, token string) {
	t.Helper()
	claims, err := v.Verify(t.Context(), token)
	if core.ErrorCode(err) != core.CodeUnauthorized {
		t.Errorf("got %+v and error %v, want unauthorized", claims, err)
	}
	if claims != (workload.Claims{}) {
		t.Errorf("got claims %+v of a refused token", claims)
	}
	if err != nil && token != "" && strings.Contains(err.Error(), token) {
		t.Error("the error repeats the token")
	}
}

func good(t *testing.T, s Setup) {
	want := workload.Claims{
		JobID: "m-abc", AllocationID: "0f1e", Task: "agent", Namespace: "default",
		ExpiresAt: Start.Add(time.Hour),
	}
	single := s.Sign(Claims())
	claims := Claims()
	claims["aud"] = []string{"other", Audience}
	several := s.Sign(claims)
	for _, token := range []string{single, several, single} { // the last comes from a cache, if there is one
		got, err := s.Verifier.Verify(t.Context(), token)
		if err != nil {
			t.Fatalf("verifying a good token: %v", err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("claims differ (-want +got):\n%s", diff)
		}
	}
}

// expiry makes sure that neither leeway nor cache outlive a token for long.
func expiry(t *testing.T, s Setup) {
	token := s.Sign(Claims())
	if _, err := s.Verifier.Verify(t.Context(), token); err != nil {
		t.Fatalf("verifying a good token: %v", err)
	}
	s.Advance(time.Hour + 10*time.Second)
	if _, err := s.Verifier.Verify(t.Context(), token); err != nil {
		t.Errorf("ten seconds after expiry, which clocks may differ by: %v", err)
	}
	s.Advance(2 * time.Minute)
	Refused(t, s.Verifier, token)
}

func spoiledClaims() map[string]func(map[string]any) {
	set := func(name string, value any) func(map[string]any) {
		return func(claims map[string]any) { claims[name] = value }
	}
	without := func(name string) func(map[string]any) {
		return func(claims map[string]any) { delete(claims, name) }
	}
	return map[string]func(map[string]any){
		"other audience":       set("aud", "vault.io"),
		"audience is a prefix": set("aud", Audience+"-x"),
		"no audience":          without("aud"),
		"expired":              set("exp", Start.Add(-time.Minute).Unix()),
		"no expiry":            without("exp"),
		"expiry not a number":  set("exp", "tomorrow"),
		"not yet valid":        set("nbf", Start.Add(5*time.Minute).Unix()),
		"from the future":      set("iat", Start.Add(5*time.Minute).Unix()),
		"no job":               without("nomad_job_id"),
		"no allocation":        without("nomad_allocation_id"),
		"no task":              without("nomad_task"),
		"no namespace":         without("nomad_namespace"),
		"job is not a text":    set("nomad_job_id", []string{"m-abc"}),
	}
}

func spoiledTokens() map[string]func(*testing.T, Setup) string {
	change := func(f func(token string) string) func(*testing.T, Setup) string {
		return func(_ *testing.T, s Setup) string { return f(s.Sign(Claims())) }
	}
	return map[string]func(*testing.T, Setup) string{
		"empty":               func(*testing.T, Setup) string { return "" },
		"not a token":         func(*testing.T, Setup) string { return "a.b.c" },
		"truncated":           change(func(token string) string { return token[:len(token)-5] }),
		"without signature":   change(func(token string) string { return token[:strings.LastIndex(token, ".")+1] }),
		"too long":            change(func(token string) string { return token + strings.Repeat("A", 1<<20) }),
		"payload changed":     change(changePayload),
		"other key, same id":  func(t *testing.T, s Setup) string { return foreign(t, s.KeyID) },
		"other key, other id": func(t *testing.T, _ Setup) string { return foreign(t, "made-up") },
		"other key, no id":    func(t *testing.T, _ Setup) string { return foreign(t, "") },
		"algorithm none":      func(t *testing.T, s Setup) string { return unsigned(s) },
		"symmetric":           func(t *testing.T, s Setup) string { return symmetric(t, s) },
	}
}

// changePayload flips one letter in the middle part.
func changePayload(token string) string {
	parts := strings.Split(token, ".")
	middle := []byte(parts[1])
	at := len(middle) / 2
	if middle[at] == 'A' {
		middle[at] = 'B'
	} else {
		middle[at] = 'A'
	}
	return parts[0] + "." + string(middle) + "." + parts[2]
}

func foreign(t *testing.T, keyID string) string {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Sign(t, jose.EdDSA, private, keyID, Claims())
}

func unsigned(s Setup) string {
	good := s.Sign(Claims())
	header := `{"alg":"none","typ":"JWT","kid":"` + s.KeyID + `"}`
	return encode(header) + "." + strings.Split(good, ".")[1] + "."
}

// symmetric is signed with what everybody knows, the key's id: a verifier that
// lets the token choose the algorithm could take a public value for a secret.
func symmetric(t *testing.T, s Setup) string {
	secret := []byte(strings.Repeat(s.KeyID+"-", 32)[:32])
	return Sign(t, jose.HS256, secret, s.KeyID, Claims())
}

// Sign makes a token.
func Sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, keyID string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, nil)
	if err != nil {
		t.Fatalf("making a signer: %v", err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatalf("signing a token: %v", err)
	}
	return token
}
