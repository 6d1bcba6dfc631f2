// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
)

// The life of a key that signs tokens of jobs. It is a version of the signer's
// key; its row here is what is served of it.
//
//	version ──published──► signs ──SigningKeyAge──► served ──keyAfter──► retired, row removed
//	            aheadOf      until its successor has been published for so long
//
// It is in the served set from the first moment to the last, so that whoever
// keeps the set for a while knows each key before the first token of it, and
// until after the last one. Versions that others make, such as an operator with
// Vault's own command, live in the same way.
const (
	aheadOf  = time.Hour
	keyAfter = 48 * time.Hour // the longest token lives for maxTTL
	// signerKey is the name of the key; `muster bootstrap` makes it in Vault.
	signerKey = "identity-tokens"
)

type signingKeyRow struct {
	bun.BaseModel `bun:"table:signing_keys,alias:s"`

	ID        string                      `bun:"id,pk"` // the thumbprint, RFC 7638
	Version   int                         `bun:"version"`
	Public    store.JSON[jose.JSONWebKey] `bun:"public"`
	CreatedAt store.Time                  `bun:"created_at"`
	SignsAt   store.Time                  `bun:"signs_at"`
	// Sealed is empty; the private half was here before it stayed in the signer.
	Sealed string `bun:"sealed"`
}

// keyRows are the rows in the order in which they sign: those that do no more
// first.
type keyRows []signingKeyRow

// current is the index of the key that signs now: the newest that has been
// published for long enough, or the oldest that can. Without any it is -1.
func (rows keyRows) current(now time.Time) int {
	chosen := -1
	for i, row := range rows {
		if row.Version > 0 && (chosen < 0 || !now.Before(row.SignsAt.Time())) {
			chosen = i
		}
	}
	return chosen
}

// ends is from when a key is served no more, zero when it has no successor.
func (rows keyRows) ends(i int) time.Time {
	for _, next := range rows[i+1:] {
		if next.Version > 0 {
			return next.SignsAt.Time().Add(keyAfter)
		}
	}
	return time.Time{}
}

// published returns what is served.
func (s *Service) published(ctx context.Context) (keyRows, error) {
	var rows keyRows
	if err := s.deps.DB.NewSelect().Model(&rows).Order("version", "created_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	return rows, nil
}

// signingKeys returns what is served, publishing the first key.
func (s *Service) signingKeys(ctx context.Context) (keyRows, error) {
	rows, err := s.published(ctx)
	if err != nil || rows.current(s.deps.Clock()) >= 0 {
		return rows, err
	}
	return s.publish(ctx)
}

// versions are those of the signer, which get the first one here.
func (s *Service) versions(ctx context.Context) ([]secrets.SigningKey, error) {
	for range 2 {
		keys, err := s.deps.Signer.SigningKeys(ctx, signerKey)
		if err != nil || len(keys) > 0 {
			return keys, err
		}
		if err := s.deps.Signer.AddSigningKey(ctx, signerKey); err != nil {
			return nil, err
		}
	}
	return nil, core.Errorf(core.CodeUnavailable, "a signing key that was just made is not there")
}

// publish brings the table in line with the signer, and returns it. A key whose
// version is gone or is another key now, because Vault was restored from a
// backup, signs no more. Where none signs, what is new signs at once.
//
// The table is read first: what another process publishes meanwhile is not in it,
// and so is not taken for gone.
func (s *Service) publish(ctx context.Context) (keyRows, error) {
	rows, err := s.published(ctx)
	if err != nil {
		return nil, err
	}
	versions, err := s.versions(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the signing keys: %w", err)
	}
	now := s.deps.Clock()
	var fresh keyRows
	for _, version := range versions {
		row, err := newRow(version, now)
		if err != nil {
			return nil, err
		}
		same := func(known signingKeyRow) bool { return known.ID == row.ID && known.Version == row.Version }
		if slices.ContainsFunc(rows, same) {
			rows = slices.DeleteFunc(rows, same)
		} else {
			fresh = append(fresh, row)
		}
	}
	if len(fresh) < len(versions) { // others sign
		for i := range fresh {
			fresh[i].SignsAt = store.At(now.Add(aheadOf))
		}
	}
	gone := slices.DeleteFunc(rows, func(row signingKeyRow) bool { return row.Version == 0 })
	if err := s.savePublished(ctx, fresh, gone); err != nil {
		return nil, err
	}
	return s.published(ctx)
}

func newRow(key secrets.SigningKey, now time.Time) (signingKeyRow, error) {
	public := jose.JSONWebKey{Key: key.Public, Algorithm: string(jose.RS256), Use: "sig"}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return signingKeyRow{}, fmt.Errorf("naming a signing key: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return signingKeyRow{ID: public.KeyID, Version: key.Version, Public: store.JSON[jose.JSONWebKey]{V: public}, CreatedAt: store.At(now), SignsAt: store.At(now)}, nil
}

func (s *Service) savePublished(ctx context.Context, fresh, gone keyRows) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, row := range gone {
			if _, err := tx.NewUpdate().Model(&row).WherePK().Set("version = 0").Exec(ctx); err != nil {
				return err
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		_, err := tx.NewInsert().Model(&fresh).On("CONFLICT (id) DO UPDATE").Set("version = EXCLUDED.version").Exec(ctx)
		return err
	})
	if err != nil {
		return doing("publishing signing keys", err)
	}
	for _, row := range gone {
		s.deps.Logger.Warn("signing key is gone and signs no more", "key_id", row.ID, "key_version", row.Version)
	}
	for _, row := range fresh {
		s.deps.Logger.Info("signing key published", "key_id", row.ID, "key_version", row.Version, "signs_at", row.SignsAt.Time())
	}
	return nil
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
