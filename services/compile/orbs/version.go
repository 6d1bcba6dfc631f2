// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// put writes one version of a locked orb.
func (s *Service) put(ctx context.Context, tx bun.Tx, orb orbRow, p publication, held content) (versionRow, error) {
	var done versionRow
	err := tx.NewSelect().Model(&done).Where("id = ? AND orb_id = ?", p.id, orb.ID).Scan(ctx)
	if err == nil && done.Major != nil {
		return done, nil // the call was made before, and its answer lost
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return done, err
	}
	digest, err := s.putSource(ctx, tx, held.source)
	if err != nil {
		return done, err
	}
	row := versionRow{ID: p.id, OrbID: orb.ID, Digest: digest, CreatedAt: s.now()}
	w, err := parseWanted(p.version)
	if err != nil {
		return row, err
	}
	if w.isDev() {
		return s.putDev(ctx, tx, row, w.label)
	}
	if p.increment == "" && !w.isExact() {
		return row, core.Errorf(core.CodeInvalid, "%q is not a version that can be published; write 1.2.3 or dev:label.", clip(p.version))
	}
	var n number
	if p.increment == "" {
		n = w.exact()
	} else if n, err = nextOf(orb, p.increment); err != nil {
		return row, err
	}
	orb.Description = held.description
	return s.putRelease(ctx, tx, orb, row, n, p.repeatable)
}

func versionOf(ctx context.Context, tx bun.Tx, orb, version string) (versionRow, error) {
	var row versionRow
	err := tx.NewSelect().Model(&row).Where("orb_id = ? AND version = ?", orb, version).Scan(ctx)
	return row, err
}

// sourceIn reads a source inside a transaction, past the cache.
func (s *Service) sourceIn(ctx context.Context, tx bun.Tx, digest string) (string, error) {
	var packed []byte
	if err := tx.NewSelect().Model((*sourceRow)(nil)).Column("packed").Where("digest = ?", digest).Scan(ctx, &packed); err != nil {
		return "", fmt.Errorf("reading the source %s: %w", digest, err)
	}
	return unpack(packed)
}

// putDev writes a dev version over the one that has its label.
func (s *Service) putDev(ctx context.Context, tx bun.Tx, row versionRow, label string) (versionRow, error) {
	row.Version = label
	row.ExpiresAt = store.At(row.CreatedAt.Time().Add(duration(s.cfg.DevLifetime)))
	before, err := versionOf(ctx, tx, row.OrbID, label)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		count, err := tx.NewSelect().Model((*versionRow)(nil)).Where("orb_id = ? AND major IS NULL", row.OrbID).Count(ctx)
		if err != nil {
			return row, err
		}
		if count >= int64(s.cfg.MaxDevVersions) {
			return row, core.Errorf(core.CodeExhausted, "The orb has %d dev versions, which is the limit (orbs.max_dev_versions); they go when they expire.", count)
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return row, err
		}
	case err != nil:
		return row, err
	default:
		row.ID = before.ID
		if _, err := tx.NewUpdate().Model(&row).Column("digest", "created_at", "expires_at").WherePK().Exec(ctx); err != nil {
			return row, err
		}
		if before.Digest != row.Digest {
			if err := markPublished(ctx, tx, publishedRow{OrbID: row.OrbID, Digest: before.Digest, Until: row.CreatedAt}); err != nil {
				return row, err
			}
		}
	}
	return row, markPublished(ctx, tx, publishedRow{OrbID: row.OrbID, Digest: row.Digest, Until: row.ExpiresAt})
}

// markPublished notes until when an orb points at a source. What a release holds
// stays so, whatever dev versions do.
func markPublished(ctx context.Context, tx bun.Tx, row publishedRow) error {
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (orb_id, digest) DO UPDATE").
		Set("until = CASE WHEN p.until IS NULL THEN NULL ELSE EXCLUDED.until END").Exec(ctx)
	return err
}

// putRelease writes a released version, which never changes again. The orb
// carries the description of the new version.
func (s *Service) putRelease(ctx context.Context, tx bun.Tx, orb orbRow, row versionRow, n number, repeatable bool) (versionRow, error) {
	row.Version, row.Major, row.Minor, row.Patch = n.String(), &n.major, &n.minor, &n.patch
	before, err := versionOf(ctx, tx, orb.ID, row.Version)
	switch {
	case err == nil && repeatable && before.Digest == row.Digest:
		return before, nil
	case err == nil:
		return row, core.Errorf(core.CodeConflict, "%s@%s is published already, and a released version never changes; publish another one.", orb.fullName(), row.Version)
	case !errors.Is(err, sql.ErrNoRows):
		return row, err
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return row, err
	}
	published := publishedRow{OrbID: row.OrbID, Digest: row.Digest}
	_, err = tx.NewInsert().Model(&published).On("CONFLICT (orb_id, digest) DO UPDATE").Set("until = NULL").Exec(ctx)
	if err != nil {
		return row, err
	}
	return row, raiseLatest(ctx, tx, orb, n)
}

// nextOf is the number after an orb's highest release.
func nextOf(orb orbRow, increment string) (number, error) {
	latest, err := latestOf(orb)
	if err != nil {
		return latest, err
	}
	return latest.next(increment)
}

// latestOf is an orb's highest release, 0.0.0 when there is none.
func latestOf(orb orbRow) (number, error) {
	if orb.Latest == "" {
		return number{}, nil
	}
	w, err := parseWanted(orb.Latest)
	if err != nil || !w.isExact() {
		return number{}, fmt.Errorf("orb %s has the latest version %q", orb.ID, orb.Latest)
	}
	return w.exact(), nil
}

// raiseLatest keeps what lists show of an orb. A fix of an older line changes
// nothing in it.
func raiseLatest(ctx context.Context, tx bun.Tx, orb orbRow, n number) error {
	latest, err := latestOf(orb)
	if err != nil || orb.Latest != "" && !latest.below(n) {
		return err
	}
	orb.Latest = n.String()
	_, err = tx.NewUpdate().Model(&orb).Column("latest", "description").WherePK().Exec(ctx)
	return err
}
