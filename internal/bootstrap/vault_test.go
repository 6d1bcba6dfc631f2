// SPDX-License-Identifier: MPL-2.0

package bootstrap

import (
	"io"
	"net/http"
	"testing"
	"time"

	vault "github.com/hashicorp/vault/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/workload/workloadtest"
)

// loggedIn returns the Vault token of a Nomad job, as its task gets it.
func loggedIn(t *testing.T, address string, nomad *workloadtest.Issuer, job string) string {
	t.Helper()
	identity := nomad.Sign(map[string]any{
		"aud": "vault.io", "exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Add(-time.Minute).Unix(),
		"nomad_namespace": "muster", "nomad_job_id": job, "nomad_task": job,
	})
	secret, err := at(t, address, "").Logical().WriteWithContext(t.Context(), "auth/"+authPath+"/login", map[string]any{"role": Role, "jwt": identity})
	if err != nil {
		t.Fatal(err)
	}
	return secret.Auth.ClientToken
}

func at(t *testing.T, address, token string) *vault.Client {
	t.Helper()
	client, err := newVault(Config{VaultAddress: address, VaultToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestServicePolicy logs in to a real Vault as services do, and tries what they
// may and what they may not.
func TestServicePolicy(t *testing.T) {
	t.Parallel()
	address, root := testx.Vault(t)
	nomad := workloadtest.NewIssuer(t)
	config := Config{VaultAddress: address, VaultToken: root, JWKS: nomad.URL(), Transit: "transit", KV: "muster", Namespace: "muster",
		Encrypting: []string{"output"}, Signing: []string{"identity"}, Out: io.Discard}
	for range 2 { // it may be run again
		if err := prepareVault(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	identity, output := loggedIn(t, address, nomad, "identity"), loggedIn(t, address, nomad, "output")
	signs(t, address, identity)
	sealsOnly(t, address, output)
	client := at(t, address, identity)
	for _, w := range []struct {
		path string
		data map[string]any
	}{
		{"transit/keys/identity-tokens/config", map[string]any{"exportable": true}},
		{"transit/keys/identity-tokens/config", map[string]any{"min_decryption_version": 1, "deletion_allowed": true}},
		{"transit/keys/identity-tokens/trim", map[string]any{"min_available_version": 1}},
		{"transit/keys/other", map[string]any{"type": "rsa-2048"}},
		{"transit/keys/output-tokens/rotate", nil},
		{"transit/encrypt/output", map[string]any{"plaintext": "YQ=="}},
		{"transit/sign/output-tokens/sha2-256", map[string]any{"input": "YQ=="}},
		{"muster/data/services/output/database", map[string]any{"data": map[string]any{"a": "b"}}},
		{"auth/" + authPath + "/role/" + Role, map[string]any{"role_type": "jwt"}},
	} {
		if _, err := client.Logical().WriteWithContext(t.Context(), w.path, w.data); !refused(err) {
			t.Errorf("writing %s %v: got %v, want refused", w.path, w.data, err)
		}
	}
	for _, path := range []string{"transit/export/signing-key/identity-tokens/1", "transit/backup/identity-tokens", "transit/keys/output"} {
		if _, err := client.Logical().ReadWithContext(t.Context(), path); !refused(err) {
			t.Errorf("reading %s: got %v, want refused", path, err)
		}
	}
	if _, err := client.Logical().DeleteWithContext(t.Context(), "transit/keys/identity-tokens"); !refused(err) {
		t.Errorf("deleting the key: got %v, want refused", err)
	}
}

func refused(err error) bool {
	response, ok := err.(*vault.ResponseError)
	return ok && response.StatusCode == http.StatusForbidden
}

// signs goes the way of a signing key with what identity may.
func signs(t *testing.T, address, token string) {
	t.Helper()
	v, err := secrets.NewVault(secrets.VaultConfig{Address: address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	const key = "identity-tokens"
	if err := v.AddSigningKey(t.Context(), key); err != nil {
		t.Fatalf("adding a version: %v", err)
	}
	if keys, err := v.SigningKeys(t.Context(), key); err != nil || len(keys) != 2 {
		t.Fatalf("got %+v, %v; want two versions", keys, err)
	}
	if _, err := v.Sign(t.Context(), key, 1, []byte("m")); err != nil {
		t.Errorf("signing: %v", err)
	}
	if err := v.RetireSigningKeys(t.Context(), key, 2); err != nil {
		t.Errorf("retiring: %v", err)
	}
}

// sealsOnly has a service that signs nothing try to.
func sealsOnly(t *testing.T, address, token string) {
	t.Helper()
	v, err := secrets.NewVault(secrets.VaultConfig{Address: address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.Seal(t.Context(), "output", []byte("s"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Open(t.Context(), "output", sealed, nil); err != nil || string(got) != "s" {
		t.Errorf("opening: got %q, %v", got, err)
	}
	if _, err := v.Sign(t.Context(), "identity-tokens", 2, []byte("m")); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("signing with another's key: got %v, want unavailable", err)
	}
	if _, err := v.SigningKeys(t.Context(), "identity-tokens"); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("reading another's key: got %v, want unavailable", err)
	}
}
