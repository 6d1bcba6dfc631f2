// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Bounds of an archive.
const (
	maxEntries  = 500_000
	maxUnpacked = 2 << 30
)

// Open opens a folder, or a .zip, .tar, .tar.gz or .tgz archive, for Find. Close
// it when nothing of it is needed any more.
func Open(name string) (fs.FS, io.Closer, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", name, plain(err))
	}
	switch {
	case info.IsDir():
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, nil, fmt.Errorf("opening %s: %w", name, plain(err))
		}
		return root.FS(), root, nil
	case strings.HasSuffix(name, ".zip"):
		return openZip(name)
	case strings.HasSuffix(name, ".tar"), strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return openTar(name)
	default:
		return nil, nil, fmt.Errorf("%s is neither a folder nor a .zip, .tar or .tar.gz archive", name)
	}
}

// openZip reads entries as they are asked for; the bounds are those of who asks.
func openZip(name string) (fs.FS, io.Closer, error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", name, err)
	}
	if len(archive.File) > maxEntries {
		return nil, nil, errors.Join(fmt.Errorf("%s has more than %d entries", name, maxEntries), archive.Close())
	}
	return &archive.Reader, archive, nil
}

// unpacked is a temporary folder that goes when it is closed.
type unpacked struct {
	*os.Root
	folder string
}

// Close removes the folder.
func (u unpacked) Close() error { return errors.Join(u.Root.Close(), os.RemoveAll(u.folder)) }

// openTar unpacks into a temporary folder, since a tar archive can only be read
// from its beginning to its end.
func openTar(name string) (fs.FS, io.Closer, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", name, plain(err))
	}
	defer file.Close()
	var in io.Reader = file
	if !strings.HasSuffix(name, ".tar") {
		packed, err := gzip.NewReader(file)
		if err != nil {
			return nil, nil, fmt.Errorf("opening %s: %w", name, err)
		}
		in = packed
	}
	folder, err := os.MkdirTemp("", "muster-orbs-")
	if err != nil {
		return nil, nil, fmt.Errorf("making a folder: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	u := unpacked{root, folder}
	if err := u.fill(tar.NewReader(in)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("unpacking %s: %w", name, err), u.Close())
	}
	return root.FS(), u, nil
}

// fill unpacks files. Links and all else are left out: no orb needs them, and
// they could lead elsewhere.
func (u unpacked) fill(archive *tar.Reader) error {
	left := int64(maxUnpacked)
	for range maxEntries {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(header.Name)
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if !fs.ValidPath(name) {
			return fmt.Errorf("%q is not a name below a folder", header.Name)
		}
		if left -= header.Size; left < 0 {
			return fmt.Errorf("it holds more than %d bytes", maxUnpacked)
		}
		if err := u.write(name, io.LimitReader(archive, header.Size)); err != nil {
			return err
		}
	}
	return fmt.Errorf("it has more than %d entries", maxEntries)
}

func (u unpacked) write(name string, in io.Reader) error {
	if err := u.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := u.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, in)
	return errors.Join(err, file.Close())
}
