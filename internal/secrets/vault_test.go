// SPDX-License-Identifier: MPL-2.0

package secrets_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/secrets/secretstest"
	"github.com/muster-ci/muster/internal/testx"
)

func newVault(t *testing.T, cfg secrets.VaultConfig) *secrets.Vault {
	t.Helper()
	v, err := secrets.NewVault(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ask calls Vault's API, for what the code under test must not need.
func ask(t *testing.T, address, token, method, path string, body any) map[string]any {
	t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, address+"/v1/"+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Vault-Token", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, path, response.Status)
	}
	var answer map[string]any
	if response.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
	}
	return answer
}

// TestVault runs against a real server; the subtests share it.
func TestVault(t *testing.T) {
	t.Parallel()
	address, root := testx.Vault(t)
	t.Run("conformance", func(t *testing.T) { vaultConformance(t, address, root) })
	t.Run("signing", func(t *testing.T) { vaultSigns(t, address, root) })
	t.Run("token file", func(t *testing.T) { vaultTokenFile(t, address, root) })
	t.Run("refused", func(t *testing.T) {
		v := newVault(t, secrets.VaultConfig{Address: address, Token: "no-such-token"})
		_, err := v.Seal(t.Context(), "variables", nil, nil)
		wantUnavailable(t, err)
		_, err = v.Get(t.Context(), "muster/x")
		wantUnavailable(t, err)
	})
	t.Run("no engine", func(t *testing.T) {
		v := newVault(t, secrets.VaultConfig{Address: address, Token: root, TransitMount: "not-there", StoreMount: "nor-there"})
		_, err := v.Seal(t.Context(), "variables", nil, nil)
		wantUnavailable(t, err)
	})
	// Last, since it is not undone.
	t.Run("sealed", func(t *testing.T) {
		ask(t, address, root, http.MethodPut, "sys/seal", nil)
		v := newVault(t, secrets.VaultConfig{Address: address, Token: root})
		_, err := v.Seal(t.Context(), "variables", nil, nil)
		wantUnavailable(t, err)
	})
}

func vaultConformance(t *testing.T, address, root string) {
	var mounts atomic.Int64
	secretstest.Run(t, func(t *testing.T) func() secretstest.Implementation {
		n := strconv.FormatInt(mounts.Add(1), 10)
		ask(t, address, root, http.MethodPost, "sys/mounts/transit"+n, map[string]string{"type": "transit"})
		ask(t, address, root, http.MethodPost, "sys/mounts/store"+n, map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
		return func() secretstest.Implementation {
			return newVault(t, secrets.VaultConfig{Address: address, Token: root, TransitMount: "transit" + n, StoreMount: "store" + n})
		}
	})
}

func vaultSigns(t *testing.T, address, root string) {
	var mounts atomic.Int64
	secretstest.RunSigner(t, func(t *testing.T) func() secrets.Signer {
		mount := "signing" + strconv.FormatInt(mounts.Add(1), 10)
		ask(t, address, root, http.MethodPost, "sys/mounts/"+mount, map[string]string{"type": "transit"})
		return func() secrets.Signer {
			return newVault(t, secrets.VaultConfig{Address: address, Token: root, TransitMount: mount})
		}
	})
	t.Run("a key that cannot sign", func(t *testing.T) {
		ask(t, address, root, http.MethodPost, "sys/mounts/signing", map[string]string{"type": "transit"})
		v := newVault(t, secrets.VaultConfig{Address: address, Token: root, TransitMount: "signing"})
		if err := v.CreateKey(t.Context(), "tokens"); err != nil {
			t.Fatal(err)
		}
		_, err := v.SigningKeys(t.Context(), "tokens")
		wantUnavailable(t, err)
	})
}

// vaultTokenFile replaces the token in the file, as Nomad does, and withdraws
// the old one. The tokens have no more than what the package comment asks for.
func vaultTokenFile(t *testing.T, address, root string) {
	ask(t, address, root, http.MethodPost, "sys/mounts/transit", map[string]string{"type": "transit"})
	ask(t, address, root, http.MethodPut, "sys/policies/acl/service", map[string]string{"policy": `
		path "transit/encrypt/variables" { capabilities = ["create", "update"] }
		path "transit/decrypt/variables" { capabilities = ["update"] }
		path "secret/data/muster/*"      { capabilities = ["create", "read", "update"] }`})
	issue := func() string {
		answer := ask(t, address, root, http.MethodPost, "auth/token/create", map[string]any{"policies": []string{"service"}})
		return answer["auth"].(map[string]any)["client_token"].(string)
	}
	file := filepath.Join(t.TempDir(), "vault_token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := issue()
	write(first)
	v := newVault(t, secrets.VaultConfig{Address: address, TokenFile: file})
	sealed, err := v.Seal(t.Context(), "variables", []byte("s3cret"), nil)
	if err != nil {
		t.Fatalf("sealing with the first token: %v", err)
	}
	ask(t, address, root, http.MethodPost, "auth/token/revoke", map[string]string{"token": first})
	_, err = v.Open(t.Context(), "variables", sealed, nil)
	wantUnavailable(t, err)
	write(issue())
	if got, err := v.Open(t.Context(), "variables", sealed, nil); err != nil || string(got) != "s3cret" {
		t.Errorf("opening with the second token: got %q, %v", got, err)
	}
	if err := v.Put(t.Context(), "muster/x", map[string]string{"a": "b"}); err != nil {
		t.Errorf("putting: %v", err)
	}
	_, err = v.Seal(t.Context(), "other", nil, nil)
	wantUnavailable(t, err)
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}

func TestVaultAway(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	v := newVault(t, secrets.VaultConfig{Address: address, Token: "x", Timeout: 2 * time.Second})
	_, err := v.Open(t.Context(), "variables", "vault:v1:AAAA", nil)
	wantUnavailable(t, err)
	wantUnavailable(t, v.Put(t.Context(), "muster/x", nil))
}

// TestVaultHangs has a server that takes the request and never answers.
func TestVaultHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	v := newVault(t, secrets.VaultConfig{Address: server.URL, Token: "x", Timeout: 100 * time.Millisecond})
	_, err := v.Seal(t.Context(), "variables", nil, nil)
	wantUnavailable(t, err)
}

func TestVaultNeedsAToken(t *testing.T) {
	t.Parallel()
	for _, cfg := range []secrets.VaultConfig{{}, {TokenFile: filepath.Join(t.TempDir(), "none")}} {
		if _, err := secrets.NewVault(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}
