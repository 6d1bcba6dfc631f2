// SPDX-License-Identifier: MPL-2.0

package secretstest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
)

// RunSigner runs the suite of those that sign. open returns an instance on the
// same keys each time that it is called in one subtest, and on others in other
// subtests.
func RunSigner(t *testing.T, begin func(t *testing.T) (open func() secrets.Signer)) {
	t.Helper()
	for name, story := range map[string]func(*testing.T, func() secrets.Signer){
		"signing": signing, "versions": versions, "retiring": retiring, "refusals": refusals, "made at once": madeAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, begin(t))
		})
	}
}

func add(t *testing.T, s secrets.Signer, key string) {
	t.Helper()
	if err := s.AddSigningKey(t.Context(), key); err != nil {
		t.Fatalf("adding a version: %v", err)
	}
}

// signers returns the versions that are to be there, by number.
func signers(t *testing.T, s secrets.Signer, key string, want ...int) map[int]*rsa.PublicKey {
	t.Helper()
	keys, err := s.SigningKeys(t.Context(), key)
	if err != nil || len(keys) != len(want) {
		t.Fatalf("got %+v, %v; want the versions %v", keys, err, want)
	}
	found := map[int]*rsa.PublicKey{}
	for i, k := range keys {
		if k.Version != want[i] || k.Public == nil || k.Public.N.BitLen() < 2048 || time.Since(k.CreatedAt).Abs() > time.Hour {
			t.Errorf("got %+v, want version %d of now with 2048 bits", k, want[i])
		}
		found[k.Version] = k.Public
	}
	return found
}

func verifies(public *rsa.PublicKey, message string, signature []byte) bool {
	sum := sha256.Sum256([]byte(message))
	return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) == nil
}

func sign(t *testing.T, s secrets.Signer, key string, version int, message string) []byte {
	t.Helper()
	signatures, err := s.Sign(t.Context(), key, version, []byte(message))
	if err != nil || len(signatures) != 1 {
		t.Fatalf("signing with version %d: got %d signatures, %v", version, len(signatures), err)
	}
	return signatures[0]
}

func signing(t *testing.T, open func() secrets.Signer) {
	one, other := open(), open()
	signers(t, one, "tokens")
	add(t, one, "tokens")
	public := signers(t, other, "tokens", 1)[1]
	messages := []string{"header.payload", "", strings.Repeat("x", 64<<10)}
	signatures, err := other.Sign(t.Context(), "tokens", 1, []byte(messages[0]), []byte(messages[1]), []byte(messages[2]))
	if err != nil || len(signatures) != len(messages) {
		t.Fatalf("got %d signatures, %v", len(signatures), err)
	}
	for i, m := range messages {
		if !verifies(public, m, signatures[i]) {
			t.Errorf("the signature of message %d does not verify", i)
		}
	}
	if verifies(public, "header.other", signatures[0]) {
		t.Error("the signature verifies another message")
	}
}

func versions(t *testing.T, open func() secrets.Signer) {
	one, other := open(), open()
	for range 3 {
		add(t, one, "tokens")
	}
	add(t, one, "others")
	public := signers(t, other, "tokens", 1, 2, 3)
	for version, key := range public {
		signature := sign(t, other, "tokens", version, "m")
		for tried, k := range public {
			if verifies(k, "m", signature) != (tried == version) {
				t.Errorf("version %d signed: verification by version %d is wrong", version, tried)
			}
		}
		if foreign := signers(t, one, "others", 1)[1]; foreign.Equal(key) {
			t.Error("two keys are one")
		}
	}
}

func retiring(t *testing.T, open func() secrets.Signer) {
	one, other := open(), open()
	for range 3 {
		add(t, one, "tokens")
	}
	before := signers(t, other, "tokens", 1, 2, 3)
	for range 2 { // the second time changes nothing
		if err := one.RetireSigningKeys(t.Context(), "tokens", 3); err != nil {
			t.Fatalf("retiring: %v", err)
		}
	}
	if after := signers(t, other, "tokens", 3); !after[3].Equal(before[3]) {
		t.Error("the version that stays is another one now")
	}
	for _, version := range []int{1, 2} {
		if got, err := other.Sign(t.Context(), "tokens", version, []byte("m")); core.ErrorCode(err) != core.CodeInvalid || got != nil {
			t.Errorf("signing with version %d, retired: got %v, want invalid", version, err)
		}
	}
	if err := one.RetireSigningKeys(t.Context(), "tokens", 4); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("retiring all: got %v, want invalid", err)
	}
	add(t, one, "tokens")
	after := signers(t, one, "tokens", 3, 4)
	if !verifies(after[4], "m", sign(t, other, "tokens", 4, "m")) {
		t.Error("a version after the retired ones does not sign")
	}
}

func refusals(t *testing.T, open func() secrets.Signer) {
	s := open()
	add(t, s, "tokens")
	message := []byte("m")
	for name, err := range map[string]error{
		"version 0":    signError(t, s, "tokens", 0, message),
		"version -1":   signError(t, s, "tokens", -1, message),
		"version 2":    signError(t, s, "tokens", 2, message),
		"no message":   signError(t, s, "tokens", 1),
		"17 messages":  signError(t, s, "tokens", 1, make([][]byte, 17)...),
		"a long one":   signError(t, s, "tokens", 1, make([]byte, 64<<10+1)),
		"a bad name":   signError(t, s, "../tokens", 1, message),
		"adding to it": s.AddSigningKey(t.Context(), "../tokens"),
		"retiring it":  s.RetireSigningKeys(t.Context(), "a/b", 1),
	} {
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	if _, err := s.SigningKeys(t.Context(), "a b"); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("listing a bad name: got %v, want invalid", err)
	}
}

func signError(t *testing.T, s secrets.Signer, key string, version int, messages ...[]byte) error {
	t.Helper()
	_, err := s.Sign(t.Context(), key, version, messages...)
	return err
}

// madeAtOnce has several instances make the key and add to it: no version that
// was there may be another one later.
func madeAtOnce(t *testing.T, open func() secrets.Signer) {
	const instances = 4
	seen := make([][]secrets.SigningKey, instances)
	var done sync.WaitGroup
	for i := range instances {
		s := open()
		done.Go(func() {
			if err := s.AddSigningKey(t.Context(), "shared"); err != nil {
				t.Errorf("adding: %v", err)
			}
			var err error
			if seen[i], err = s.SigningKeys(t.Context(), "shared"); err != nil || len(seen[i]) == 0 {
				t.Errorf("listing: got %d, %v", len(seen[i]), err)
			}
		})
	}
	done.Wait()
	last, err := open().SigningKeys(t.Context(), "shared")
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range seen {
		for i, k := range keys {
			if i >= len(last) || !last[i].Public.Equal(k.Public) || last[i].Version != k.Version {
				t.Errorf("version %d was lost or changed", k.Version)
			}
		}
	}
}
