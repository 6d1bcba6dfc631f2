// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/core"
)

// inode is a file whatever it is called; hard links are kept within a root.
type inode struct {
	root     int
	dev, ino uint64
}

type linked struct {
	name string // the first
	left uint64 // names that may still come
}

// prepareLink makes the entry of a symbolic link, which may have several names
// as well.
func prepareLink(it *item) error {
	e, info, err := linkEntry(it)
	if err != nil {
		return err
	}
	if info.Nlink > 1 {
		it.later = true
		return nil
	}
	it.whole = appendHeader(nil, &e)
	return nil
}

func linkEntry(it *item) (e entry, info unix.Stat_t, err error) {
	if err := unix.Lstat(it.path, &info); err != nil {
		return e, info, err
	}
	target, err := os.Readlink(it.path)
	return entry{name: it.name, link: target, kind: tar.TypeSymlink, mode: 0o777, mtime: mtime(&info), sparse: -1}, info, err
}

// streamLink writes a symbolic link that has several names.
func (p *packer) streamLink(it *item) error {
	e, info, err := linkEntry(it)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EINVAL) {
		return p.lost(it)
	}
	if err != nil {
		return core.Errorf(core.CodeInvalid, "%s cannot be read: %v", it.path, reason(err))
	}
	if first := p.firstName(it, &info); first != "" {
		e.kind, e.link = tar.TypeLink, first
	}
	_, err = p.out.Write(appendHeader(nil, &e))
	return err
}

// firstName returns under which name a file is in the tar already, and else
// notes this one.
func (p *packer) firstName(it *item, info *unix.Stat_t) string {
	if info.Nlink < 2 {
		return ""
	}
	key := inode{it.root, info.Dev, info.Ino}
	known, ok := p.links[key]
	if !ok {
		p.links[key] = &linked{name: it.name, left: uint64(info.Nlink) - 1}
		return ""
	}
	if known.left--; known.left == 0 {
		delete(p.links, key) // no further name can come: memory for trees of millions of links
	}
	return known.name
}
