// SPDX-License-Identifier: MPL-2.0

package workload

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/muster-ci/muster/core"
)

// JWKSConfig says whose tokens are accepted.
type JWKSConfig struct {
	// URL of the key set, for Nomad "<address>/.well-known/jwks.json".
	URL string
	// Audience that a token must be for.
	Audience string
	// Issuer that a token must name; "" accepts any, as Nomad puts none into
	// its tokens unless its oidc_issuer is set.
	Issuer string
	// AllowUnending accepts tokens without an expiry, which Nomad issues for
	// identity blocks without a ttl.
	AllowUnending bool
	// HTTPClient fetches the keys; nil is a client of its own.
	HTTPClient *http.Client
	// Clock; nil is the system's.
	Clock core.Clock
}

const (
	fetchTimeout = 5 * time.Second
	// refetchAfter is the least time between two fetches. A stranger can make
	// up key ids as fast as he likes; he must not make us ask as fast.
	refetchAfter = 3 * time.Second
	// refreshAfter is the age at which keys are fetched again though nothing
	// asks for it, so that a withdrawn key is forgotten.
	refreshAfter = 10 * time.Minute
	// refreshAgain is the pause after a refresh that failed: each costs one
	// caller up to fetchTimeout.
	refreshAgain = 30 * time.Second
	maxKeySet    = 1 << 20
	maxKeys      = 256
	minRSABits   = 2048
)

// JWKS verifies tokens against a published key set. Keys are fetched when the
// first token comes, when a token names an unknown key, and every ten minutes
// of use; while the issuer is away the known keys stay good.
type JWKS struct {
	checker checker
}

// NewJWKS makes a verifier. It fetches nothing yet, so that a service can start
// before its Nomad answers.
func NewJWKS(cfg JWKSConfig) (*JWKS, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, core.Errorf(core.CodeInvalid, "%q is not the http or https URL of a key set", cfg.URL)
	}
	if cfg.Audience == "" {
		return nil, core.Errorf(core.CodeInvalid, "workload identities need an audience")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	keys := &keySet{url: cfg.URL, client: cfg.HTTPClient, clock: cfg.Clock, turn: make(chan struct{}, 1)}
	return &JWKS{checker{
		audience: cfg.Audience, issuer: cfg.Issuer, allowUnending: cfg.AllowUnending,
		clock: cfg.Clock, keys: keys, verified: newCache(),
	}}, nil
}

// Verify implements Verifier.
func (j *JWKS) Verify(ctx context.Context, token string) (Claims, error) {
	return j.checker.verify(ctx, token)
}

// fetchKeys returns the usable keys of a key set by their ids. Keys of other
// kinds are passed over, so that an issuer may publish more than we know.
func fetchKeys(ctx context.Context, client *http.Client, address string) (map[string]publicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, response.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxKeySet)).Decode(&set); err != nil {
		return nil, fmt.Errorf("reading the key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys, more than %d", len(set.Keys), maxKeys)
	}
	keys := make(map[string]publicKey, len(set.Keys))
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil {
			continue
		}
		if public, ok := usable(key); ok {
			keys[key.KeyID] = public
		}
	}
	return keys, nil
}

func usable(key jose.JSONWebKey) (publicKey, bool) {
	var public publicKey
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return publicKey{}, false
		}
		public = publicKey{jose.RS256, k}
	case ed25519.PublicKey:
		public = publicKey{jose.EdDSA, k}
	default: // among them symmetric and private keys, which have no place in a key set
		return publicKey{}, false
	}
	if key.Algorithm != "" && key.Algorithm != string(public.algorithm) || key.Use != "" && key.Use != "sig" {
		return publicKey{}, false
	}
	return public, true
}
