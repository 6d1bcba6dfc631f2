// SPDX-License-Identifier: MPL-2.0

package workloadtest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// Issuer is a small Nomad: it signs with RS256 and publishes its keys.
type Issuer struct {
	t      testing.TB
	server *httptest.Server

	mu     sync.Mutex
	keys   []issuerKey
	away   bool
	extra  []json.RawMessage
	visits int
}

type issuerKey struct {
	id      string
	private *rsa.PrivateKey
}

// firstKey is shared by all issuers, as making an RSA key takes long.
var firstKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// NewIssuer starts an issuer with one key.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.server = httptest.NewServer(i)
	t.Cleanup(i.server.Close)
	private, err := firstKey()
	if err != nil {
		t.Fatal(err)
	}
	i.keys = []issuerKey{{"key-0", private}}
	return i
}

// URL is where the keys are published.
func (i *Issuer) URL() string { return i.server.URL + "/.well-known/jwks.json" }

// Client fetches from the issuer.
func (i *Issuer) Client() *http.Client { return i.server.Client() }

// Rotate adds a key and signs with it from now on; it returns its id.
func (i *Issuer) Rotate() string {
	i.t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	id := "key-" + strconv.Itoa(len(i.keys))
	i.keys = append(i.keys, issuerKey{id, private})
	return id
}

// Withdraw stops publishing all keys but the newest.
func (i *Issuer) Withdraw() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

// SetAway makes the issuer answer nothing but errors, or well again.
func (i *Issuer) SetAway(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

// Publish adds a key to the key set as it is.
func (i *Issuer) Publish(key any) {
	i.t.Helper()
	raw, err := json.Marshal(key)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.extra = append(i.extra, raw)
}

// Fetches returns how often the keys were asked for.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.visits
}

// Sign makes a token with the newest key.
func (i *Issuer) Sign(claims map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	return Sign(i.t, jose.RS256, key.private, key.id, claims)
}

// ServeHTTP publishes the keys.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.visits++
	if i.away {
		http.Error(w, "No cluster leader", http.StatusInternalServerError)
		return
	}
	set := map[string][]any{"keys": {}}
	for _, key := range i.keys {
		set["keys"] = append(set["keys"], jose.JSONWebKey{Key: key.private.Public(), KeyID: key.id, Algorithm: "RS256", Use: "sig"})
	}
	for _, raw := range i.extra {
		set["keys"] = append(set["keys"], raw)
	}
	if err := json.NewEncoder(w).Encode(set); err != nil {
		i.t.Errorf("publishing keys: %v", err)
	}
}
