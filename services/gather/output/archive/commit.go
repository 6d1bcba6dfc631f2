// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/sealed"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/internal/work"
)

// Commit makes an archive visible, whole. Repeated it is answered as the first
// time; with other parts it is CodeConflict.
func (s *Archives) Commit(ctx context.Context, attempt core.AttemptID, in wire.ArchiveCommit) (wire.ArchiveCommitted, error) {
	r, err := s.row(ctx, in.ID)
	if err != nil {
		return wire.ArchiveCommitted{}, err
	}
	if r.Attempt != attempt {
		return wire.ArchiveCommitted{}, gone(in.ID)
	}
	c := commit{archive: r, in: in}
	if err := c.check(s.cfg); err != nil {
		return wire.ArchiveCommitted{}, err
	}
	if r.Digest != "" {
		return s.committed(ctx, c)
	}
	if r.State != stateOpen {
		return wire.ArchiveCommitted{}, gone(in.ID)
	}
	if err := s.compare(ctx, c); err != nil {
		return wire.ArchiveCommitted{}, err
	}
	who, err := s.scope(ctx, attempt)
	if err != nil {
		return wire.ArchiveCommitted{}, err
	}
	return s.publish(ctx, c, who)
}

// commit is one under way.
type commit struct {
	archive *row
	in      wire.ArchiveCommit
	packed  []byte // the parts, as the row has them
	stored  int64
	digest  string
}

// check looks at what the agent says and fills in what follows from it.
func (c *commit) check(cfg Config) error {
	if len(c.in.Parts) > wire.MaxArchiveParts {
		return core.Errorf(core.CodeInvalid, "the archive has %d parts, it may have %d", len(c.in.Parts), wire.MaxArchiveParts)
	}
	if c.in.Plain < 0 || c.in.Files < 0 {
		return core.Errorf(core.CodeInvalid, "the archive's sizes must not be negative")
	}
	for i, p := range c.in.Parts {
		plain, err := sealed.PlainSize(p.Size)
		if err != nil || p.Size > wire.MaxArchivePart || p.Plain != plain && p.Plain != 0 {
			return core.Errorf(core.CodeInvalid, "part %d cannot have %d bytes for %d, %d is the most", i, p.Size, p.Plain, wire.MaxArchivePart)
		}
		c.stored += p.Size
	}
	if c.stored > cfg.Bytes {
		return core.Errorf(core.CodeExhausted, "the archive has %d bytes; an operator lets it have %d (output: archive_bytes)", c.stored, cfg.Bytes)
	}
	var err error
	if c.packed, err = packParts(c.in.Parts); err != nil {
		return err
	}
	if err := c.checkEntries(); err != nil {
		return err
	}
	text, err := json.Marshal(c.in)
	if err != nil {
		return fmt.Errorf("encoding the commit: %w", err)
	}
	sum := sha256.Sum256(text)
	c.digest = hex.EncodeToString(sum[:])
	return nil
}

// compare asks the object store whether all parts are there with the sizes that
// the commit names.
func (s *Archives) compare(ctx context.Context, c commit) error {
	found := make([]int64, len(c.in.Parts))
	err := s.deps.Objects.List(ctx, c.archive.prefix(), func(key string, size int64, _ time.Time) error {
		part, err := strconv.Atoi(strings.TrimPrefix(key, c.archive.prefix()))
		if err == nil && part >= 0 && part < len(found) {
			found[part] = size
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("asking the object store for the archive's parts: %w", err)
	}
	for i, p := range c.in.Parts {
		switch {
		case found[i] == 0:
			return core.Errorf(core.CodeInvalid, "part %d is not in the object store; send it again", i)
		case found[i] != p.Size:
			return core.Errorf(core.CodeInvalid, "part %d has %d bytes in the object store, not %d; send it again", i, found[i], p.Size)
		}
	}
	return nil
}

// publish makes the archive visible in one transaction, unless the attempt has
// ended meanwhile or another cache of the key was faster.
func (s *Archives) publish(ctx context.Context, c commit, who scope) (wire.ArchiveCommitted, error) {
	var out wire.ArchiveCommitted
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out = wire.ArchiveCommitted{}
		now := s.now()
		if err := s.lockRunning(ctx, tx, c.archive.Attempt); err != nil {
			return err
		}
		exists, err := s.yields(ctx, tx, c.archive, now)
		if err != nil {
			return err
		}
		if exists {
			out.Exists = true
			return s.lose(ctx, tx, c, now)
		}
		if err := s.write(ctx, tx, c, who.Retention, now); err != nil {
			return err
		}
		if err := handOver(ctx, tx, c.archive, who, now); err != nil {
			return err
		}
		out.Skipped, err = putEntries(ctx, tx, c)
		return err
	})
	if store.IsUnique(err) {
		// Another cache of the key came between the look and the write.
		out = wire.ArchiveCommitted{Exists: true}
		err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.lose(ctx, tx, c, s.now()) })
	}
	if err != nil {
		return wire.ArchiveCommitted{}, err
	}
	if !out.Exists {
		s.metrics.committed.WithLabelValues(string(c.archive.Kind)).Inc()
		s.metrics.bytes.WithLabelValues(string(c.archive.Kind)).Add(float64(c.stored))
	}
	s.deps.Hints.Notify(Topic)
	if c.archive.Kind == core.ArchiveTestResults {
		s.deps.Hints.Notify(HandoverTopic)
	}
	s.deps.Logger.Debug("archive committed", "archive_id", c.archive.ID, "kind", c.archive.Kind, "attempt_id", c.archive.Attempt,
		"bytes", c.stored, "parts", len(c.in.Parts), "exists", out.Exists)
	return out, nil
}

// sameKey narrows to committed caches of a row's key. The words stand as in the
// indexes' conditions, or SQLite does not use them.
func sameKey(q *bun.SelectQuery, r *row, owners ...string) *bun.SelectQuery {
	return q.Where("kind = 'cache' AND state = 'committed'").
		Where("project_id = ?", r.Project).Where("fork IN (?)", bun.List(owners)).Where("key_sum = ?", r.KeySum)
}

// yields tells whether another cache of the key is there. One that has expired
// makes room.
func (s *Archives) yields(ctx context.Context, tx bun.IDB, r *row, now time.Time) (bool, error) {
	if r.Kind != core.ArchiveCache {
		return false, nil
	}
	var others []*row
	if err := sameKey(tx.NewSelect().Model(&others).Column("id", "expires_at"), r, r.Fork).Where("r.id <> ?", r.ID).Scan(ctx); err != nil {
		return false, fmt.Errorf("looking for a cache of the key: %w", err)
	}
	for _, other := range others {
		if other.ExpiresAt.IsZero() || other.ExpiresAt.Time().After(now) {
			return true, nil
		}
		if err := s.remove(ctx, tx, now, other.ID); err != nil {
			return false, err
		}
	}
	return false, nil
}

// lose takes an archive out that came second; the digest says that its commit
// was answered.
func (s *Archives) lose(ctx context.Context, tx bun.IDB, c commit, now time.Time) error {
	if _, err := tx.NewUpdate().TableExpr("archives").Set("digest = ?", c.digest).Where("id = ?", c.archive.ID).Exec(ctx); err != nil {
		return fmt.Errorf("noting the answer to a commit: %w", err)
	}
	return s.remove(ctx, tx, now, c.archive.ID)
}

func (s *Archives) write(ctx context.Context, tx bun.IDB, c commit, retention time.Duration, now time.Time) error {
	expires := s.cfg.expiry(c.archive.Kind, retention, now)
	res, err := tx.NewUpdate().TableExpr("archives").
		Set("state = ?", stateCommitted).Set("digest = ?", c.digest).Set("parts = ?", c.packed).
		Set("plain = ?", c.in.Plain).Set("stored = ?", c.stored).Set("files = ?", c.in.Files).
		Set("committed_at = ?", store.At(now)).Set("expires_at = ?", store.At(expires)).Set("wish = ?", wishOf(c.archive.Kind, retention)).
		Where("id = ?", c.archive.ID).Where("state = ?", stateOpen).Exec(ctx)
	if err != nil {
		return fmt.Errorf("committing the archive: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		// Committed or swept by another request meanwhile; repeated, this one is
		// answered by what that one did.
		return core.Errorf(core.CodeUnavailable, "archive %s was changed by another request", c.archive.ID)
	}
	return work.MarkDue(ctx, tx, "archives", now, c.archive.ID)
}

// committed answers a commit that was taken before.
func (s *Archives) committed(ctx context.Context, c commit) (wire.ArchiveCommitted, error) {
	if c.archive.Digest != c.digest {
		return wire.ArchiveCommitted{}, core.Errorf(core.CodeConflict, "archive %s was committed with other parts", c.archive.ID)
	}
	if c.archive.CommittedAt.IsZero() {
		return wire.ArchiveCommitted{Exists: true}, nil
	}
	skipped, err := skippedEntries(ctx, s.deps.DB, c)
	return wire.ArchiveCommitted{Skipped: skipped}, err
}
