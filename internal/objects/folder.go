// SPDX-License-Identifier: MPL-2.0

package objects

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/keyfile"
)

const (
	// tempSuffix ends the names of files that are being written, and
	// attributesSuffix is reserved by fileblob.
	tempSuffix       = ".tmp"
	attributesSuffix = ".attrs"
	// abandonedAfter is the age of a temporary file whose writer must have died.
	abandonedAfter = 24 * time.Hour
	signingKeySize = 32
)

// folder is what the file store does beyond fileblob: durable writes, an
// honest list, and no empty folders left behind.
type folder struct {
	root   string
	signer fileblob.URLSigner
}

func openFolder(u *url.URL, query url.Values) (*Store, error) {
	if u.Host != "" || !filepath.IsAbs(u.Path) {
		return nil, core.Errorf(core.CodeInvalid, "%q is not the address of a folder: write file:// and an absolute path", u)
	}
	for name := range query {
		if name != "base_url" {
			return nil, core.Errorf(core.CodeInvalid, "%q is not a setting of the file object store", name)
		}
	}
	files := &folder{root: filepath.Clean(u.Path)}
	if err := os.MkdirAll(files.root, 0o700); err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "making the folder of the objects: %w", err)
	}
	base := &url.URL{Path: HandlerPath}
	if text := query.Get("base_url"); text != "" {
		parsed, err := url.Parse(text)
		if err != nil || parsed.Host == "" {
			return nil, core.Errorf(core.CodeInvalid, "%q is not a base_url for signed URLs", text)
		}
		base = parsed
	}
	// In the folder, so that every process that can serve it can check what
	// another one signed.
	key, err := keyfile.Load(filepath.Join(files.root, ".signing.key"), signingKeySize)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "loading the key for signed URLs: %w", err)
	}
	files.signer = fileblob.NewURLSignerHMAC(base, key)
	bucket, err := fileblob.OpenBucket(files.root, &fileblob.Options{
		URLSigner: files.signer, DirFileMode: 0o700, Metadata: fileblob.MetadataDontWrite,
		// Temporary files stand beside their targets: a rename across file
		// systems is no rename.
		NoTempDir: true,
	})
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "opening the folder of the objects: %w", err)
	}
	return &Store{bucket: bucket, files: files}, nil
}

func (d *folder) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// put writes through fileblob and makes file and name durable.
func (d *folder) put(ctx context.Context, bucket *blob.Bucket, key string, r io.Reader) error {
	dir := filepath.Dir(d.path(key))
	_, err := os.Stat(dir)
	isNew := errors.Is(err, fs.ErrNotExist)
	durable := new(syncer)
	err = write(ctx, bucket, key, r, durable)
	// A deletion may have pruned the folder between its making and the making
	// of the file in it; nothing has been read from r then.
	for try := 0; try < 3 && durable.file == nil && errors.Is(err, fs.ErrNotExist); try++ {
		err = write(ctx, bucket, key, r, durable)
	}
	if err != nil {
		return err
	}
	for {
		if err := keyfile.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !isNew || dir == d.root {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

// syncer gets hold of the file behind a fileblob writer.
type syncer struct{ file *os.File }

func (s *syncer) capture(as func(any) bool) error {
	if !as(&s.file) {
		return errors.New("fileblob does not show its file")
	}
	return nil
}

func (s *syncer) sync() error { return s.file.Sync() }

// prune removes the folders that a deletion left empty. It stops at the first
// one in use, which os.Remove refuses.
func (d *folder) prune(key string) {
	for dir := filepath.Dir(d.path(key)); dir != d.root && len(dir) > len(d.root); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			return
		}
	}
}

// list walks once. fileblob's own list walks again for each page and orders by
// folder, not by key, which its page tokens do not survive.
func (d *folder) list(ctx context.Context, prefix string, f func(string, int64, time.Time) error) error {
	root := d.root
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		root = d.path(prefix[:i])
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile, or nothing under the prefix
		}
		if err != nil {
			return translate(err, prefix)
		}
		relative, err := filepath.Rel(d.root, path)
		if err != nil || relative == "." {
			return err
		}
		key := filepath.ToSlash(relative)
		if entry.IsDir() {
			if !strings.HasPrefix(key+"/", prefix) && !strings.HasPrefix(prefix, key+"/") {
				return filepath.SkipDir
			}
			return nil
		}
		return d.visit(path, key, prefix, entry, f)
	})
}

func (d *folder) visit(path, key, prefix string, entry fs.DirEntry, f func(string, int64, time.Time) error) error {
	if !strings.HasPrefix(key, prefix) || !entry.Type().IsRegular() {
		return nil
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return translate(err, key)
	}
	if strings.HasSuffix(key, tempSuffix) && time.Since(info.ModTime()) > abandonedAfter {
		// Whoever wrote this died. Failing to remove it costs only its space.
		_ = os.Remove(path)
		return nil
	}
	if checkKey(key) != nil {
		return nil
	}
	return f(key, info.Size(), info.ModTime())
}
