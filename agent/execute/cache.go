// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/agent/archive"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/agent/tree"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// savedPath is a path of a cache as its archive names it. A place in the home
// folder is kept as such, so that it is found again where another image has
// another home; every other is absolute.
//
// In the tar the path with the number n is below "n/": the folder itself, or a
// file by its last name. So each path is unpacked below a folder of its own and
// cannot get out of it; only this list says where those are.
type savedPath struct {
	Home bool   `json:"home,omitempty"`
	Path string `json:"path"` // relative to home, or absolute
	File bool   `json:"file,omitempty"`
}

// saveCache keeps paths under a key. What goes wrong on the way costs the cache
// and not the job; a key that cannot be made fails the step, as in CircleCI.
func (j *job) saveCache(ctx context.Context, plan core.SaveCacheStep, out *stream.StepWriter) (outcome, error) {
	k := j.keep(out, j.cfg.Keep.CachePatience)
	key, err := j.cacheKey(plan.Key)
	if err != nil {
		return k.fail(ctx, "error computing cache key: %v", err)
	}
	saved, roots := k.cachePaths(plan.Paths)
	if len(roots) == 0 {
		return k.warn(ctx, "none of the paths is there, no cache was stored.")
	}
	bounded, end := k.within(ctx)
	defer end()
	w, err := k.store.Create(bounded, core.ArchiveCache, out.Number(), key)
	if errors.Is(err, archive.ErrExists) {
		k.say("Skipping cache generation, cache already exists for key: %s", key)
		return k.success()
	}
	if err != nil {
		return k.warn(ctx, "the cache was not stored: %v", err)
	}
	defer w.Abort()
	k.say("Creating cache archive...")
	kept, count, err := k.pack(bounded, w, roots, saved)
	switch {
	case err != nil:
		return k.warn(ctx, "the cache was not stored: %v", err)
	case kept.Exists:
		k.say("Skipping cache generation, another job has stored a cache for key: %s", key)
	default:
		k.say("Stored Cache to %s", key)
		for _, s := range saved {
			k.say("  * %s", k.whereTo(s))
		}
		k.say("%d files, %s\nTotal size uploaded: %s", count.Files.Load(), size(count.Bytes.Load()), size(kept.Stored))
	}
	return k.success()
}

// cachePaths says what is to be kept, and warns of what is not there.
func (k *keeping) cachePaths(paths []string) ([]savedPath, []tree.Root) {
	var saved []savedPath
	var roots []tree.Root
	for _, path := range paths {
		at := k.path(path, k.directory)
		info, err := os.Lstat(at)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && strings.HasSuffix(path, "/") {
			info, err = os.Stat(at)
		}
		if err != nil {
			k.say("Warning: could not archive %s - Not found", at)
			continue
		}
		s := savedPath{Path: at, File: !info.IsDir()}
		if rel, err := filepath.Rel(k.home, at); err == nil && filepath.IsLocal(rel) {
			s.Home, s.Path = true, rel
		}
		root := tree.Root{Name: strconv.Itoa(len(saved)), Path: at}
		if s.File {
			root.Path, root.Only = filepath.Dir(at), []string{filepath.Base(at)}
		}
		saved, roots = append(saved, s), append(roots, root)
	}
	return saved, roots
}

// whereTo is the absolute path of a saved one in this job.
func (k *keeping) whereTo(s savedPath) string {
	if s.Home {
		return filepath.Join(k.home, s.Path)
	}
	return s.Path
}

// pack writes files into an archive and makes it visible.
func (k *keeping) pack(ctx context.Context, w *archive.Writer, roots []tree.Root, saved []savedPath) (archive.Kept, *tree.Counter, error) {
	count := &tree.Counter{}
	defer k.progress(count)()
	opts := tree.PackOptions{Count: count, Note: k.say, Skip: []string{k.temp}}
	if saved != nil {
		var err error
		if opts.Places, err = json.Marshal(saved); err != nil {
			return archive.Kept{}, count, fmt.Errorf("listing the saved paths: %w", err)
		}
	}
	if err := tree.Pack(ctx, w, roots, opts); err != nil {
		return archive.Kept{}, count, err
	}
	kept, err := w.Commit(ctx, int(count.Files.Load()), nil)
	return kept, count, err
}

// restoreCache brings back the newest cache of the first key that any begins
// with.
func (j *job) restoreCache(ctx context.Context, plan core.RestoreCacheStep, out *stream.StepWriter) (outcome, error) {
	k := j.keep(out, j.cfg.Keep.CachePatience)
	var keys []string
	for _, text := range plan.Keys {
		key, err := j.cacheKey(text)
		if err != nil {
			return k.fail(ctx, "error computing cache key: %v", err)
		}
		keys = append(keys, key)
	}
	bounded, end := k.within(ctx)
	defer end()
	found, err := k.store.Find(bounded, wire.ArchiveFind{Kind: core.ArchiveCache, Keys: keys})
	if err != nil {
		return k.warn(ctx, "no cache was restored: %v", err)
	}
	for _, key := range keys {
		if len(found) > 0 && strings.HasPrefix(found[0].Key, key) {
			break
		}
		k.say("No cache is found for key: %s", key)
	}
	if len(found) == 0 {
		return k.success()
	}
	k.say("Found a cache from %s at %s\nSize: %s", found[0].At, found[0].Key, size(archive.StoredSize(found[0].Parts)))
	if err := k.unpackCache(bounded, found[0]); err != nil {
		return k.warn(ctx, "the cache was not restored, or not all of it: %v", err)
	}
	return k.success()
}

func (k *keeping) unpackCache(ctx context.Context, found wire.FoundArchive) error {
	return k.unpack(ctx, found, tree.UnpackOptions{Resolve: func(content []byte) (map[string]string, error) {
		var saved []savedPath
		if err := json.Unmarshal(content, &saved); err != nil {
			return nil, core.Errorf(core.CodeInvalid, "its list of paths cannot be read")
		}
		places := make(map[string]string, len(saved))
		k.say("Cached paths:")
		for n, s := range saved {
			at := k.whereTo(s)
			if !filepath.IsAbs(at) || s.Home && !filepath.IsLocal(s.Path) {
				return nil, core.Errorf(core.CodeInvalid, "its path %q is none", s.Path)
			}
			k.say("  * %s", at)
			if s.File {
				at = filepath.Dir(at)
			}
			places[strconv.Itoa(n)] = at
		}
		if err := k.fits(found.Plain, slices.Collect(maps.Values(places))...); err != nil {
			return nil, err // half a cache on a full disk is worse than none
		}
		k.say("\nUnarchiving cache...")
		return places, nil
	}}, k.home)
}

// unpack fetches and unpacks one archive, whose files go below at, or most of
// them. Where the disk is full it does so once more without local copies.
func (k *keeping) unpack(ctx context.Context, found wire.FoundArchive, opts tree.UnpackOptions, at string) error {
	err := k.unpackOnce(ctx, found, opts)
	if !full(err) {
		return err
	}
	if d, lookErr := diskOf(at); lookErr == nil && k.makeRoom(map[uint64]bool{d.device: true}) {
		err = k.unpackOnce(ctx, found, opts)
	}
	return nameDisk(err, at)
}

func (k *keeping) unpackOnce(ctx context.Context, found wire.FoundArchive, opts tree.UnpackOptions) error {
	opts.Count = &tree.Counter{}
	opts.Bytes, opts.Entries = found.Plain, int64(found.Files)+1 // and the list of a cache's paths
	defer k.progress(opts.Count)()
	r, err := k.store.Open(ctx, found)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := tree.Unpack(ctx, r, opts); err != nil {
		return err
	}
	if copied := r.Copied(); copied > 0 {
		k.say("%s of it were on this client.", size(copied))
	}
	k.say("Unpacked %d files, %s.", opts.Count.Files.Load(), size(opts.Count.Bytes.Load()))
	return nil
}
