// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// manyFolders is how many folders are held open for the files to come.
const manyFolders = 64

// place is a folder that is unpacked into.
type place struct {
	root *os.Root
	open map[string]*folder // by name, "." for the place itself
}

// folder is an open folder below a place. Its descriptor stays valid while
// anyone holds it.
type folder struct {
	file    *os.File
	holders atomic.Int32
}

func (f *folder) fd() int { return int(f.file.Fd()) }

// hold keeps the folder open until release.
func (f *folder) hold() *folder {
	f.holders.Add(1)
	return f
}

func (f *folder) release() {
	if f.holders.Add(-1) == 0 {
		f.file.Close()
	}
}

// openPlace makes a folder, with those above it, and opens it.
func openPlace(at string) (*place, error) {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return nil, err
	}
	return &place{root: root, open: make(map[string]*folder)}, nil
}

// folder returns the open folder of that name, made when it is not there. The
// caller holds it if it outlives the next call.
func (p *place) folder(name string) (*folder, error) {
	if f, ok := p.open[name]; ok {
		return f, nil
	}
	file, err := p.openBelow(name)
	if err != nil {
		return nil, err
	}
	if len(p.open) >= manyFolders {
		p.closeFolders()
	}
	f := (&folder{file: file}).hold()
	p.open[name] = f
	return f, nil
}

// openBelow opens a folder from its parent when that is open, which saves the
// way from the top; a symbolic link sends it that way all the same, where
// os.Root sees to it that the link stays within.
func (p *place) openBelow(name string) (*os.File, error) {
	if parent, ok := p.open[path.Dir(name)]; ok && name != "." {
		fd, err := unix.Openat(parent.fd(), path.Base(name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			return os.NewFile(uintptr(fd), name), nil
		}
	}
	file, err := p.root.OpenFile(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	if err := p.root.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	return p.root.OpenFile(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

func (p *place) closeFolders() {
	for name, f := range p.open {
		f.release()
		delete(p.open, name)
	}
}

// forget closes folders whose name may now mean another.
func (p *place) forget() { p.closeFolders() }

func (p *place) close() {
	p.closeFolders()
	p.root.Close()
}

// makeFolder makes a folder that the tar has an entry of. What is there stays,
// if it is a folder; a link or a file gives way. The folder can be written to
// until its own mode is set.
func (p *place) makeFolder(name string) error {
	parent, err := p.folder(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	for range 3 {
		err = unix.Mkdirat(parent.fd(), base, 0o755)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		var info unix.Stat_t
		if err = unix.Fstatat(parent.fd(), base, &info, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if info.Mode&unix.S_IFMT == unix.S_IFDIR {
			if info.Mode&0o700 != 0o700 {
				// Nobody else can put a link in its place: it would be the build's
				// own, and chmod follows no link that leaves the place.
				err = p.root.Chmod(name, fs.FileMode(info.Mode&0o777|0o700))
			} else {
				err = nil
			}
			return err
		}
		if err = unix.Unlinkat(parent.fd(), base, 0); err != nil {
			return err
		}
		p.forget()
		if parent, err = p.folder(path.Dir(name)); err != nil {
			return err
		}
	}
	return err
}
