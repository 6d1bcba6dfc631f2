// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"cmp"
	"context"
	"fmt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// turnKeys publishes what is new, has a version made when the newest is old, and
// ends the keys whose tokens have all ended.
func (s *Service) turnKeys(ctx context.Context) error {
	rows, err := s.publish(ctx)
	if err != nil {
		return err
	}
	if newest := rows[len(rows)-1]; s.deps.Clock().Sub(newest.CreatedAt.Time()) >= s.cfg.signingKeyAge() {
		if err := s.deps.Signer.AddSigningKey(ctx, signerKey); err != nil {
			return fmt.Errorf("making a signing key: %w", err)
		}
		if rows, err = s.publish(ctx); err != nil {
			return err
		}
	}
	now := s.deps.Clock()
	ended := 0
	for i := range rows {
		if end := rows.ends(i); !end.IsZero() && !now.Before(end) {
			ended = i + 1
		}
	}
	return s.endKeys(ctx, rows, ended)
}

// endKeys ends the first n keys. They are retired first: a version that could
// still sign would be published again.
func (s *Service) endKeys(ctx context.Context, rows keyRows, n int) error {
	if n == 0 {
		return nil
	}
	if rows[n-1].Version > 0 {
		if err := s.deps.Signer.RetireSigningKeys(ctx, signerKey, rows[n].Version); err != nil {
			return err
		}
	}
	for _, row := range rows[:n] {
		if _, err := s.deps.DB.NewDelete().Model((*signingKeyRow)(nil)).Where("id = ?", row.ID).Exec(ctx); err != nil {
			return fmt.Errorf("removing an old signing key: %w", err)
		}
		s.deps.Logger.Info("signing key removed", "key_id", row.ID, "key_version", row.Version)
	}
	return nil
}

// ListSigningKeys implements core.SigningKeys.
func (s *Service) ListSigningKeys(ctx context.Context, f core.SigningKeyFilter) ([]core.SigningKey, error) {
	rows, err := s.signingKeys(ctx)
	if err != nil {
		return nil, err
	}
	current := rows.current(s.deps.Clock())
	keys := make([]core.SigningKey, 0, len(rows))
	for i, row := range rows {
		if f.ID != "" && f.ID != row.ID {
			continue
		}
		key := core.SigningKey{ID: row.ID, PublishedAt: row.CreatedAt.Time(), SignsAt: row.SignsAt.Time()}
		key.State = []core.KeyState{core.KeyServed, core.KeySigns, core.KeyPublished}[1+cmp.Compare(i, current)]
		if end := rows.ends(i); !end.IsZero() {
			key.EndsAt = &end
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// RotateSigningKeys implements core.SigningKeys. Died before its end it may be
// asked again, which makes one version more.
func (s *Service) RotateSigningKeys(ctx context.Context, r core.SigningKeyRotation) ([]core.SigningKey, error) {
	if err := s.deps.Signer.AddSigningKey(ctx, signerKey); err != nil {
		return nil, err
	}
	rows, err := s.publish(ctx)
	if err != nil {
		return nil, err
	}
	if r.Revoke {
		newest := rows[len(rows)-1]
		_, err := s.deps.DB.NewUpdate().Model((*signingKeyRow)(nil)).Set("signs_at = ?", store.At(s.deps.Clock())).Where("id = ?", newest.ID).Exec(ctx)
		if err != nil {
			return nil, fmt.Errorf("choosing the new signing key: %w", err)
		}
		if err := s.endKeys(ctx, rows, len(rows)-1); err != nil {
			return nil, err
		}
	}
	return s.ListSigningKeys(ctx, core.SigningKeyFilter{})
}
