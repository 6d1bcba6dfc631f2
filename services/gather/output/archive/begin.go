// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
)

const (
	secretSize = 32
	// maxArchives is the most archives of one attempt: of artifacts alone that is
	// ten million files.
	maxArchives = 1000
)

// Begin makes a place for an archive. Its id follows from the attempt and the
// nonce, so that a request that is repeated gets the same place.
func (s *Archives) Begin(ctx context.Context, attempt core.AttemptID, in wire.ArchiveBegin) (wire.ArchiveBegun, error) {
	if err := checkBegin(in); err != nil {
		return wire.ArchiveBegun{}, err
	}
	who, err := s.scope(ctx, attempt)
	if err != nil {
		return wire.ArchiveBegun{}, err
	}
	r := newRow(attempt, who, in)
	known, err := s.row(ctx, r.id())
	if err == nil {
		return s.begun(ctx, known)
	}
	if core.ErrorCode(err) != core.CodeNotFound {
		return wire.ArchiveBegun{}, err
	}
	if in.Kind == core.ArchiveCache {
		exists, err := s.exists(ctx, who, r)
		if err != nil || exists {
			return wire.ArchiveBegun{Exists: exists}, err
		}
	}
	if err := s.open(ctx, r); err != nil {
		return wire.ArchiveBegun{}, err
	}
	// Another request with this nonce may have been faster: what is in the table
	// counts.
	if known, err = s.row(ctx, r.id()); err != nil {
		return wire.ArchiveBegun{}, err
	}
	return s.begun(ctx, known)
}

func checkBegin(in wire.ArchiveBegin) error {
	switch {
	case len(in.Nonce) < 16 || len(in.Nonce) > 128:
		return core.Errorf(core.CodeInvalid, "the nonce has %d bytes, it must have 16 to 128", len(in.Nonce))
	case in.Step < 0:
		return core.Errorf(core.CodeInvalid, "%d is not the number of a step", in.Step)
	}
	switch in.Kind {
	case core.ArchiveCache:
		return checkKey(in.Key)
	case core.ArchiveWorkspace, core.ArchiveArtifacts, core.ArchiveTestResults:
		if in.Key != "" {
			return core.Errorf(core.CodeInvalid, "only a cache has a key")
		}
		return nil
	default:
		return core.Errorf(core.CodeInvalid, "%.40q is not a kind of archive", in.Kind)
	}
}

// checkKey accepts a cache's key, or what one begins with.
func checkKey(key string) error {
	switch {
	case key == "":
		return core.Errorf(core.CodeInvalid, "the cache has no key")
	case !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl):
		return core.Errorf(core.CodeInvalid, "the cache's key %.80q has characters that are no text", key)
	case utf8.RuneCountInString(key) > wire.MaxCacheKey:
		return core.Errorf(core.CodeInvalid, "the cache's key has %d characters, it may have %d", utf8.RuneCountInString(key), wire.MaxCacheKey)
	default:
		return nil
	}
}

func newRow(attempt core.AttemptID, who scope, in wire.ArchiveBegin) *row {
	r := &row{
		State: stateOpen, Kind: in.Kind, Organization: who.Organization, Project: who.Project, Workflow: who.Workflow,
		Job: who.Job, JobName: who.JobName, Task: who.Task, Index: who.Index, Attempt: attempt, Number: who.Number,
		Step: in.Step,
	}
	r.ID = core.DerivedID("archive", string(attempt), in.Nonce)
	if in.Kind == core.ArchiveCache {
		sum := sha256.Sum256([]byte(in.Key))
		r.Key, r.KeySum, r.Fork = in.Key, hex.EncodeToString(sum[:]), who.Fork
	}
	return r
}

// exists tells whether there is a cache of the row's key that the task could
// restore.
func (s *Archives) exists(ctx context.Context, who scope, r *row) (bool, error) {
	found, err := unexpired(sameKey(s.deps.DB.NewSelect().Model((*row)(nil)), r, who.owners()...), s.now()).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("looking for a cache of the key: %w", err)
	}
	return found, nil
}

// open writes the row of an archive that nothing is known of yet.
func (s *Archives) open(ctx context.Context, r *row) error {
	n, err := s.deps.DB.NewSelect().Model((*row)(nil)).Where("attempt_id = ?", r.Attempt).Count(ctx)
	if err != nil {
		return fmt.Errorf("counting the attempt's archives: %w", err)
	}
	if n >= maxArchives {
		return core.Errorf(core.CodeExhausted, "the task has kept %d archives, which is the most", maxArchives)
	}
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails: crypto/rand ends the process instead
	if r.Secret, err = s.deps.Sealer.Seal(ctx, sealingKey, secret, r.context()); err != nil {
		return fmt.Errorf("sealing the archive's key: %w", err)
	}
	now := s.now()
	r.BegunAt, r.DueAt = store.At(now), store.At(now.Add(checkOpen))
	if _, err := s.deps.DB.NewInsert().Model(r).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	return nil
}

// begun answers with a place that is there.
func (s *Archives) begun(ctx context.Context, r *row) (wire.ArchiveBegun, error) {
	if r.State == stateRemoved {
		return wire.ArchiveBegun{}, gone(r.id())
	}
	secret, err := s.secret(ctx, r)
	return wire.ArchiveBegun{ID: r.id(), Secret: secret}, err
}

func (s *Archives) secret(ctx context.Context, r *row) ([]byte, error) {
	secret, err := s.deps.Sealer.Open(ctx, sealingKey, r.Secret, r.context())
	if err != nil {
		return nil, fmt.Errorf("opening the archive's key: %w", err)
	}
	return secret, nil
}

// row reads an archive, CodeNotFound when there is none.
func (s *Archives) row(ctx context.Context, id core.ArchiveID) (*row, error) {
	r := new(row)
	err := s.deps.DB.NewSelect().Model(r).Where("r.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, gone(id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	return r, nil
}

// gone is the one answer for what is not there and what the caller may not see.
func gone(id core.ArchiveID) error {
	return core.Errorf(core.CodeNotFound, "there is no archive %.64q", id)
}
