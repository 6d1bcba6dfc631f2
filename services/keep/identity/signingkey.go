// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// The life of a key that signs tokens of jobs.
//
//	made ──announced──► signs ──SigningKeyAge──► succeeded ──keyAfter──► removed
//	        aheadOf      until its successor has been announced
//
// It is in the served set from the first moment to the last, so that whoever
// keeps the set for a while knows each key before the first token of it, and
// until after the last one.
const (
	aheadOf  = time.Hour
	keyAfter = 48 * time.Hour // the longest token lives for maxTTL
	keyBits  = 2048
	// sealerKey is the name under which private halves are sealed.
	sealerKey = "identity"
)

type signingKeyRow struct {
	bun.BaseModel `bun:"table:signing_keys,alias:s"`

	ID        string                      `bun:"id,pk"` // the thumbprint, RFC 7638
	Sealed    string                      `bun:"sealed"`
	Public    store.JSON[jose.JSONWebKey] `bun:"public"`
	CreatedAt store.Time                  `bun:"created_at"`
}

// openKeys remembers the key that signs: opening one asks Vault.
type openKeys struct {
	mu  sync.Mutex
	id  string
	key *rsa.PrivateKey
}

// signingKeys returns all keys, oldest first, making the first.
func (s *Service) signingKeys(ctx context.Context) ([]signingKeyRow, error) {
	for range 2 {
		var rows []signingKeyRow
		if err := s.deps.DB.NewSelect().Model(&rows).Order("created_at", "id").Scan(ctx); err != nil {
			return nil, fmt.Errorf("reading signing keys: %w", err)
		}
		if len(rows) > 0 {
			return rows, nil
		}
		if err := s.makeSigningKey(ctx); err != nil {
			return nil, err
		}
	}
	return nil, core.Errorf(core.CodeInternal, "a signing key that was just made is not there")
}

func (s *Service) makeSigningKey(ctx context.Context) error {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: string(jose.RS256), Use: "sig"}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return fmt.Errorf("naming a signing key: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	sealed, err := s.deps.Sealer.Seal(ctx, sealerKey, x509.MarshalPKCS1PrivateKey(private), sealContext(public.KeyID))
	if err != nil {
		return fmt.Errorf("sealing a signing key: %w", err)
	}
	row := &signingKeyRow{ID: public.KeyID, Sealed: sealed, Public: store.JSON[jose.JSONWebKey]{V: public}, CreatedAt: store.At(s.deps.Clock())}
	if _, err := s.deps.DB.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("storing a signing key: %w", err)
	}
	s.deps.Logger.Info("signing key made", "key_id", row.ID)
	return nil
}

func sealContext(id string) []byte { return []byte("signing key/" + id) }

// current is the newest key that has been announced for long enough, or the
// oldest of all.
func current(rows []signingKeyRow, now time.Time) signingKeyRow {
	chosen := rows[0]
	for _, row := range rows[1:] {
		if !now.Before(row.CreatedAt.Time().Add(aheadOf)) {
			chosen = row
		}
	}
	return chosen
}

// signer returns the key that signs now.
func (s *Service) signer(ctx context.Context) (jose.SigningKey, error) {
	rows, err := s.signingKeys(ctx)
	if err != nil {
		return jose.SigningKey{}, err
	}
	row := current(rows, s.deps.Clock())
	s.open.mu.Lock()
	defer s.open.mu.Unlock()
	if s.open.id != row.ID {
		plain, err := s.deps.Sealer.Open(ctx, sealerKey, row.Sealed, sealContext(row.ID))
		if err != nil {
			return jose.SigningKey{}, fmt.Errorf("opening the signing key: %w", err)
		}
		key, err := x509.ParsePKCS1PrivateKey(plain)
		if err != nil {
			return jose.SigningKey{}, fmt.Errorf("reading the signing key: %w", err)
		}
		s.open.id, s.open.key = row.ID, key
	}
	return jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: s.open.key, KeyID: row.ID}}, nil
}

// JobTokenKeys implements core.JobTokenIssuer. All organizations share the keys;
// what tells them apart is the issuer.
func (s *Service) JobTokenKeys(ctx context.Context, _ core.OrganizationID) (json.RawMessage, error) {
	rows, err := s.signingKeys(ctx)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	for _, row := range rows {
		set.Keys = append(set.Keys, row.Public.V)
	}
	b, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encoding the signing keys: %w", err)
	}
	return b, nil
}

// turnKeys makes a key when the newest is old, and removes those whose tokens
// have all ended.
func (s *Service) turnKeys(ctx context.Context) error {
	rows, err := s.signingKeys(ctx)
	if err != nil {
		return err
	}
	now := s.deps.Clock()
	if newest := rows[len(rows)-1]; now.Sub(newest.CreatedAt.Time()) >= s.cfg.signingKeyAge() {
		if err := s.makeSigningKey(ctx); err != nil {
			return err
		}
	}
	for i, row := range rows[:len(rows)-1] {
		if now.Sub(rows[i+1].CreatedAt.Time()) < aheadOf+keyAfter {
			continue
		}
		if _, err := s.deps.DB.NewDelete().Model((*signingKeyRow)(nil)).Where("id = ?", row.ID).Exec(ctx); err != nil {
			return fmt.Errorf("removing an old signing key: %w", err)
		}
		s.deps.Logger.Info("signing key removed", "key_id", row.ID)
	}
	return nil
}
