// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
)

type artifactRow struct {
	bun.BaseModel `bun:"table:artifacts,alias:f"`
	Attempt       core.AttemptID `bun:"attempt_id,pk"`
	Path          string         `bun:"path,pk"`
	Archive       core.ArchiveID `bun:"archive_id"`
	Start         int64          `bun:"start"`
	Size          int64          `bun:"size"`
	SHA256        string         `bun:"sha256"`
	At            store.Time     `bun:"committed_at,scanonly"` // its archive's
}

// checkEntries looks at the files of artifacts: names that stay inside of
// whatever folder they are brought to, and bytes that the parts have.
func (c *commit) checkEntries() error {
	if c.archive.Kind != core.ArchiveArtifacts {
		if len(c.in.Entries) > 0 {
			return core.Errorf(core.CodeInvalid, "only an archive of artifacts names its files")
		}
		return nil
	}
	if n := len(c.in.Entries); n == 0 || n > wire.MaxArchiveEntries {
		return core.Errorf(core.CodeInvalid, "the archive has %d artifacts, it may have 1 to %d", n, wire.MaxArchiveEntries)
	}
	var plain int64
	for _, p := range c.in.Parts {
		plain += p.Plain
	}
	if plain != c.in.Plain {
		return core.Errorf(core.CodeInvalid, "the archive's parts have %d bytes, not %d", plain, c.in.Plain)
	}
	seen := make(map[string]bool, len(c.in.Entries))
	for _, e := range c.in.Entries {
		if err := checkEntry(e, plain); err != nil {
			return err
		}
		if seen[e.Path] {
			return core.Errorf(core.CodeInvalid, "the artifact %.200q is named twice", e.Path)
		}
		seen[e.Path] = true
	}
	return nil
}

func checkEntry(e wire.ArchiveEntry, plain int64) error {
	if sum, err := hex.DecodeString(e.SHA256); err != nil || len(sum) != 32 {
		return core.Errorf(core.CodeInvalid, "the artifact %.200q has no SHA-256 in hexadecimal digits", e.Path)
	}
	switch {
	case len(e.Path) > wire.MaxArchivePath:
		return core.Errorf(core.CodeInvalid, "the path of an artifact has %d bytes, it may have %d", len(e.Path), wire.MaxArchivePath)
	case e.Path == "." || !fs.ValidPath(e.Path) || strings.ContainsRune(e.Path, 0):
		return core.Errorf(core.CodeInvalid, "%.200q is not the path of an artifact: it must be relative, with neither . nor .. in it", e.Path)
	case e.Offset < 0 || e.Size < 0 || e.Size > plain || e.Offset > plain-e.Size:
		return core.Errorf(core.CodeInvalid, "the artifact %.200q lies outside of the archive", e.Path)
	default:
		return nil
	}
}

// entryBatch is how many files one statement writes or asks for.
const entryBatch = 500

// putEntries writes the files and returns paths that the attempt has kept
// before: what people may have seen is never replaced.
func putEntries(ctx context.Context, tx bun.IDB, c commit) ([]string, error) {
	for chunk := range slices.Chunk(c.in.Entries, entryBatch) {
		rows := make([]*artifactRow, len(chunk))
		for i, e := range chunk {
			rows[i] = &artifactRow{
				Attempt: c.archive.Attempt, Path: e.Path, Archive: c.archive.id(), Start: e.Offset, Size: e.Size, SHA256: strings.ToLower(e.SHA256),
			}
		}
		if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (attempt_id, path) DO NOTHING").Exec(ctx); err != nil {
			return nil, fmt.Errorf("writing artifacts: %w", err)
		}
	}
	return skippedEntries(ctx, tx, c)
}

// skippedEntries returns paths of a commit that belong to another archive.
func skippedEntries(ctx context.Context, db bun.IDB, c commit) ([]string, error) {
	var skipped []string
	for chunk := range slices.Chunk(c.in.Entries, entryBatch) {
		paths := make([]string, len(chunk))
		for i, e := range chunk {
			paths[i] = e.Path
		}
		var some []string
		err := db.NewSelect().Model((*artifactRow)(nil)).Column("path").Where("attempt_id = ?", c.archive.Attempt).
			Where("path IN (?)", bun.List(paths)).Where("archive_id <> ?", c.archive.ID).
			Order("path").Limit(int64(wire.MaxArchiveSkipped-len(skipped))).Scan(ctx, &some)
		if err != nil {
			return nil, fmt.Errorf("looking for artifacts that were there: %w", err)
		}
		if skipped = append(skipped, some...); len(skipped) >= wire.MaxArchiveSkipped {
			break
		}
	}
	return skipped, nil
}
