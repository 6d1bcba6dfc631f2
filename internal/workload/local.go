// SPDX-License-Identifier: MPL-2.0

package workload

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/keyfile"
)

// localIssuer is what Local puts into its tokens.
const localIssuer = "muster"

// Local issues and verifies tokens of Nomad's shape with a key of its own.
type Local struct {
	checker checker
	signer  jose.Signer
	public  jose.JSONWebKey
}

// NewLocal reads the issuer's key from dir and makes it on the first start.
// Processes with the same dir accept each other's tokens.
func NewLocal(dir, audience string, clock core.Clock) (*Local, error) {
	if audience == "" {
		return nil, core.Errorf(core.CodeInvalid, "workload identities need an audience")
	}
	if clock == nil {
		clock = time.Now
	}
	seed, err := keyfile.Load(filepath.Join(dir, "identity.key"), ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("loading the identity key: %w", err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: string(jose.EdDSA), Use: "sig"}
	print, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("naming the identity key: %w", err)
	}
	public.KeyID = hex.EncodeToString(print[:16])
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: public.KeyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("making the identity signer: %w", err)
	}
	ring := oneKey{id: public.KeyID, publicKey: publicKey{jose.EdDSA, public.Key}}
	return &Local{
		checker: checker{audience: audience, issuer: localIssuer, clock: clock, keys: ring, verified: newCache()},
		signer:  signer, public: public,
	}, nil
}

// Verify implements Verifier.
func (l *Local) Verify(ctx context.Context, token string) (Claims, error) {
	return l.checker.verify(ctx, token)
}

// Issue returns a token that says c from now until ttl has passed; ExpiresAt in
// c is ignored. An incomplete c is CodeInvalid, as no one would accept it.
func (l *Local) Issue(c Claims, ttl time.Duration) (string, error) {
	if c.JobID == "" || c.AllocationID == "" || c.Task == "" || c.Namespace == "" {
		return "", core.Errorf(core.CodeInvalid, "a workload identity names job, allocation, task and namespace")
	}
	if ttl <= 0 {
		return "", core.Errorf(core.CodeInvalid, "a workload identity needs a time to live")
	}
	now := l.checker.clock()
	registered := jwt.Claims{
		Issuer: localIssuer, Audience: jwt.Audience{l.checker.audience},
		Subject:  c.Namespace + ":" + c.JobID + ":" + c.AllocationID + ":" + c.Task,
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(ttl)),
	}
	nomad := body{JobID: c.JobID, AllocationID: c.AllocationID, Task: c.Task, Namespace: c.Namespace}
	token, err := jwt.Signed(l.signer).Claims(registered).Claims(nomad).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing a workload identity: %w", err)
	}
	return token, nil
}

// ServeHTTP answers with the key set, so that a JWKS in another process can
// verify the tokens of this issuer.
func (l *Local) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{l.public}}
	// A reader that goes away is not this side's failure.
	_ = json.NewEncoder(w).Encode(set)
}

// oneKey is the keyring of the local issuer.
type oneKey struct {
	id string
	publicKey
}

func (k oneKey) key(_ context.Context, id string) (publicKey, error) {
	if id != k.id {
		return publicKey{}, unknownKey(id)
	}
	return k.publicKey, nil
}
