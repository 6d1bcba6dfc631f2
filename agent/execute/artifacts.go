// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/muster-ci/muster/agent/archive"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/agent/tree"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// An archive of artifacts is closed, and people can see what is in it, when it
// has so many files, so long names, or so many bytes.
const (
	batchFiles = 2000
	batchNames = 4 << 20
	batchBytes = 256 << 20
)

// storeArtifacts keeps a file, or the files of a folder, as they are.
func (j *job) storeArtifacts(ctx context.Context, plan core.StoreArtifactsStep, out *stream.StepWriter) (outcome, error) {
	k := j.keep(out, j.cfg.Keep.Patience)
	at := j.path(plan.Path, j.directory)
	destination := artifactPath(plan)
	k.say("Uploading %s to %s", at, destination)
	u := &uploading{keeping: k, step: out.Number()}
	defer u.abort()
	defer k.progress(&u.count)()
	err := u.tree(ctx, at, destination, strings.HasSuffix(plan.Destination, "/"))
	if err == nil {
		err = u.commit(ctx)
	}
	switch {
	case err != nil:
		return k.fail(ctx, "Error storing artifacts: %v", err)
	case u.count.Files.Load() == 0:
		k.say("  No artifact files found at %s", at)
	default:
		k.say("Uploaded %d files\nTotal size uploaded: %s", u.count.Files.Load(), size(u.count.Bytes.Load()))
	}
	return k.success()
}

// artifactPath is where artifacts are listed: the destination, or else the path
// as it is written.
func artifactPath(plan core.StoreArtifactsStep) string {
	name := plan.Destination
	if name == "" {
		name = plan.Path
	}
	// Cleaning from the top takes ".." away, which no artifact's path may hold.
	return strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(name)), "/")
}

// uploading is a step that stores artifacts, with the archive that is open.
type uploading struct {
	*keeping
	step    int
	count   tree.Counter
	writer  *archive.Writer
	entries []wire.ArchiveEntry
	names   int
	offset  int64
	hash    hash.Hash
}

// tree stores what is at a path. A file gets the destination's name, or keeps
// its own below a destination that is said to be a folder.
func (u *uploading) tree(ctx context.Context, at, destination string, folder bool) error {
	info, err := os.Stat(at) // a link is followed here: it was named
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if folder || destination == "" {
			destination = path.Join(destination, filepath.Base(at))
		}
		return u.file(ctx, at, destination, info)
	}
	top, err := filepath.EvalSymlinks(at)
	if err != nil {
		return err
	}
	return filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			u.say("  %s was left out: it is not there, or a link to nothing.", file)
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, file)
		if err != nil {
			return err
		}
		return u.file(ctx, file, path.Join(destination, filepath.ToSlash(rel)), info)
	})
}

// file adds a regular file to the archive that is open.
func (u *uploading) file(ctx context.Context, at, name string, info fs.FileInfo) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if info.IsDir() {
		u.say("  %s was left out: links to folders are not followed.", at)
		return nil
	}
	if !info.Mode().IsRegular() {
		u.say("  %s was left out: it is no regular file.", at)
		return nil
	}
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) > wire.MaxArchivePath {
		return fmt.Errorf("the path of %s has more than %d bytes", at, wire.MaxArchivePath)
	}
	file, info, err := tree.Open(at)
	if errors.Is(err, tree.ErrNoFile) {
		u.say("  %s was left out: %v.", at, tree.ErrNoFile)
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := u.begin(ctx); err != nil {
		return err
	}
	length, err := u.content(io.LimitReader(file, info.Size())) // of a file that grows, what there was
	if err != nil {
		return fmt.Errorf("reading %s: %w", at, err)
	}
	u.entries = append(u.entries, wire.ArchiveEntry{Path: name, Offset: u.offset, Size: length, SHA256: hex.EncodeToString(u.hash.Sum(nil))})
	u.offset += length
	u.names += len(name)
	u.count.Files.Add(1)
	if len(u.entries) >= batchFiles || u.names >= batchNames || u.offset >= batchBytes {
		return u.commit(ctx)
	}
	return nil
}

// begin opens an archive when none is.
func (u *uploading) begin(ctx context.Context) (err error) {
	if u.hash == nil {
		u.hash = sha256.New()
	}
	u.hash.Reset()
	if u.writer == nil {
		u.writer, err = u.store.Create(ctx, core.ArchiveArtifacts, u.step, "")
	}
	return err
}

// content writes a file's bytes.
func (u *uploading) content(from io.Reader) (length int64, err error) {
	for {
		n, err := from.Read(u.writer.Room())
		if n > 0 {
			u.hash.Write(u.writer.Room()[:n])
			length += int64(n)
			u.count.Bytes.Add(int64(n))
			if err := u.writer.Advance(n); err != nil {
				return length, err
			}
		}
		if errors.Is(err, io.EOF) {
			return length, nil
		}
		if err != nil {
			return length, err
		}
	}
}

// commit makes what is in the open archive visible.
func (u *uploading) commit(ctx context.Context) error {
	if u.writer == nil {
		return nil
	}
	kept, err := u.writer.Commit(ctx, 0, u.entries)
	for _, name := range kept.Skipped {
		u.say("  %s was stored by an earlier step and stays as it is.", name)
	}
	u.writer, u.entries, u.names, u.offset = nil, nil, 0, 0
	return err
}

func (u *uploading) abort() {
	if u.writer != nil {
		u.writer.Abort()
	}
}
