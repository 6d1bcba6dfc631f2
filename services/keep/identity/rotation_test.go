// SPDX-License-Identifier: MPL-2.0

package identity_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/services/keep/identity"
)

func states(t *testing.T, s *identity.Service) []core.KeyState {
	t.Helper()
	keys, err := s.ListSigningKeys(t.Context(), core.SigningKeyFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var found []core.KeyState
	for _, k := range keys {
		found = append(found, k.State)
	}
	return found
}

func wantStates(t *testing.T, s *identity.Service, want ...core.KeyState) {
	t.Helper()
	if diff := cmp.Diff(want, states(t, s)); diff != "" {
		t.Errorf("states of the keys (-want +got):\n%s", diff)
	}
}

func rotate(t *testing.T, s *identity.Service, revoke bool) {
	t.Helper()
	if _, err := s.RotateSigningKeys(t.Context(), core.SigningKeyRotation{Revoke: revoke}); err != nil {
		t.Fatal(err)
	}
}

// TestRotation has the tokens of before hold, and the new key sign when it has
// been there for an hour.
func TestRotation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		c := newClock()
		s := issuer(t, open(), signer(t), c)
		first := issue(t, s, core.JobTokenRequest{Identity: job()}).V1
		rotate(t, s, false)
		wantStates(t, s, core.KeySigns, core.KeyPublished)
		c.Advance(time.Hour)
		second := issue(t, s, core.JobTokenRequest{Identity: job()}).V1
		wantStates(t, s, core.KeyServed, core.KeySigns)
		if kid(t, first) == kid(t, second) {
			t.Error("the old key still signs")
		}
		verified(t, s, first)
		verified(t, s, second)
		c.Advance(48 * time.Hour)
		turn(t, s)
		wantStates(t, s, core.KeySigns)
	})
}

// TestRevocation ends all keys but a new one, in the signer too.
func TestRevocation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		c, keys := newClock(), signer(t)
		s := issuer(t, open(), keys, c)
		first := issue(t, s, core.JobTokenRequest{Identity: job()}).V1
		rotate(t, s, false)
		rotate(t, s, true)
		wantStates(t, s, core.KeySigns)
		if verifies(s, first) {
			t.Error("a token of a revoked key is taken")
		}
		verified(t, s, issue(t, s, core.JobTokenRequest{Identity: job()}).V1)
		if left, err := keys.SigningKeys(t.Context(), "identity-tokens"); err != nil || len(left) != 1 || left[0].Version != 3 {
			t.Errorf("the signer has %+v, %v; want version 3 alone", left, err)
		}
		turn(t, s)
		wantStates(t, s, core.KeySigns)
	})
}

// TestVersionsOfOthers publishes what an operator made with Vault's own command.
func TestVersionsOfOthers(t *testing.T) {
	t.Parallel()
	c, keys := newClock(), signer(t)
	s := issuer(t, storetest.Open(t, "identity"), keys, c)
	first := issue(t, s, core.JobTokenRequest{Identity: job()}).V1
	if err := keys.AddSigningKey(t.Context(), "identity-tokens"); err != nil {
		t.Fatal(err)
	}
	wantStates(t, s, core.KeySigns)
	turn(t, s)
	wantStates(t, s, core.KeySigns, core.KeyPublished)
	// And retires the one that signs, which is the operator's right.
	if err := keys.RetireSigningKeys(t.Context(), "identity-tokens", 2); err != nil {
		t.Fatal(err)
	}
	second := issue(t, s, core.JobTokenRequest{Identity: job()}).V1
	verified(t, s, second)
	verified(t, s, first)
	wantStates(t, s, core.KeyServed, core.KeySigns)
}

// TestASignerFromABackup has another key under the number of the one that is
// served.
func TestASignerFromABackup(t *testing.T) {
	t.Parallel()
	c, db := newClock(), storetest.Open(t, "identity")
	first := issue(t, issuer(t, db, signer(t), c), core.JobTokenRequest{Identity: job()}).V1
	restored := issuer(t, db, signer(t), c)
	verified(t, restored, issue(t, restored, core.JobTokenRequest{Identity: job()}).V1)
	verified(t, restored, first)
	wantStates(t, restored, core.KeyServed, core.KeySigns)
	c.Advance(49 * time.Hour)
	turn(t, restored)
	wantStates(t, restored, core.KeySigns)
}

// TestSealedKeysGo brings a key of the time before keys stayed in the signer: it
// is erased, served for its tokens, and signs nothing.
func TestSealedKeysGo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		c, db := newClock(), open()
		older(t, db, c)
		s := issuer(t, db, signer(t), c)
		issue(t, s, core.JobTokenRequest{Identity: job()})
		wantStates(t, s, core.KeyServed, core.KeySigns)
		var sealed []string
		if err := db.NewSelect().Table("signing_keys").Column("sealed").Scan(t.Context(), &sealed); err != nil || strings.Join(sealed, "") != "" {
			t.Errorf("the table holds %q, %v", sealed, err)
		}
		c.Advance(49 * time.Hour)
		turn(t, s)
		wantStates(t, s, core.KeySigns)
	})
}

// older makes the tables as they were, with one key.
func older(t *testing.T, db *store.DB, c *testx.Clock) {
	t.Helper()
	if err := db.Migrate(t.Context(), identity.OlderMigrations()); err != nil {
		t.Fatal(err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	row := map[string]any{
		"id": "older", "sealed": "vault:v1:AAAA", "created_at": store.At(c.Now()),
		"public": store.JSON[jose.JSONWebKey]{V: jose.JSONWebKey{Key: private.Public(), KeyID: "older", Algorithm: "RS256", Use: "sig"}},
	}
	if _, err := db.NewInsert().Model(&row).Table("signing_keys").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// away is a signer that cannot be reached while it is told so.
type away struct {
	secrets.Signer
	mu   sync.Mutex
	down bool
}

func (a *away) set(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

func (a *away) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.down {
		return core.Errorf(core.CodeUnavailable, "Vault is sealed or in trouble")
	}
	return nil
}

func (a *away) SigningKeys(ctx context.Context, key string) ([]secrets.SigningKey, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Signer.SigningKeys(ctx, key)
}

func (a *away) Sign(ctx context.Context, key string, version int, messages ...[]byte) ([][]byte, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Signer.Sign(ctx, key, version, messages...)
}

// TestSignerAway has the keys served while nobody can sign, and tokens again
// when somebody can.
func TestSignerAway(t *testing.T) {
	t.Parallel()
	keys := &away{Signer: signer(t)}
	s := issuer(t, storetest.Open(t, "identity"), keys, newClock())
	token := issue(t, s, core.JobTokenRequest{Identity: job()}).V1
	keys.set(true)
	verified(t, s, token)
	if _, err := s.IssueJobTokens(t.Context(), core.JobTokenRequest{Identity: job()}); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("a token without the signer: got %v, want unavailable", err)
	}
	if err := s.TurnKeys(t.Context()); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("a turn without the signer: got %v, want unavailable", err)
	}
	keys.set(false)
	verified(t, s, issue(t, s, core.JobTokenRequest{Identity: job()}).V1)
}
