// SPDX-License-Identifier: MPL-2.0

package identity_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/services/keep/identity"
)

// line is a public key as a file has it.
func line(t *testing.T, public any) string {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func ed(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, public)
}

func TestSSHKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		s := start(t, identity.Default(), open(), ignore)
		key := ed(t)
		added, err := s.AddSSHKey(t.Context(), core.SSHKey{User: "ada", PublicKey: key + " ada@laptop\n"})
		if err != nil || added.Label != "ada@laptop" || added.PublicKey != key || !strings.HasPrefix(added.Fingerprint, "SHA256:") {
			t.Fatalf("got %+v, %v", added, err)
		}
		again, err := s.AddSSHKey(t.Context(), core.SSHKey{User: "ada", PublicKey: key, Label: "other"})
		if diff := cmp.Diff(added, again); err != nil || diff != "" {
			t.Errorf("the same key again: %v\n%s", err, diff)
		}
		if _, err := s.AddSSHKey(t.Context(), core.SSHKey{User: "bob", PublicKey: key}); core.ErrorCode(err) != core.CodeConflict {
			t.Errorf("another user's key: got %v", err)
		}
		listed, err := s.ListSSHKeys(t.Context(), "ada")
		if diff := cmp.Diff([]core.SSHKey{added}, listed); err != nil || diff != "" {
			t.Errorf("listed: %v\n%s", err, diff)
		}
		if err := s.RemoveSSHKey(t.Context(), core.SSHKey{ID: added.ID, User: "bob"}); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("removing another's key: got %v", err)
		}
		if err := s.RemoveSSHKey(t.Context(), added); err != nil {
			t.Error(err)
		}
		if listed, err := s.ListSSHKeys(t.Context(), "ada"); err != nil || len(listed) != 0 {
			t.Errorf("after the removal: got %+v, %v", listed, err)
		}
	})
}

func TestSSHKeysAreChecked(t *testing.T) {
	t.Parallel()
	cfg := identity.Default()
	cfg.MaxSSHKeys = 2
	s := start(t, cfg, storetest.Open(t, "identity"), ignore)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "words": "hello there", "weak": line(t, weak.Public()), "options": `command="rm -rf /" ` + ed(t),
		"private": "-----BEGIN OPENSSH PRIVATE KEY-----\nxxx", "two": ed(t) + "\n" + ed(t), "long": "ssh-ed25519 " + strings.Repeat("A", 20000),
	} {
		if _, err := s.AddSSHKey(t.Context(), core.SSHKey{User: "ada", PublicKey: text}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	for i, text := range []string{ed(t), line(t, curve.Public()), ed(t)} {
		_, err := s.AddSSHKey(t.Context(), core.SSHKey{User: "ada", PublicKey: text})
		if want := i == 2; (core.ErrorCode(err) == core.CodeExhausted) != want || err != nil && !want {
			t.Errorf("key %d: got %v", i+1, err)
		}
	}
}
