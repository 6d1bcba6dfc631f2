// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/core"
)

// disk is the file system that a path is on, or would be.
type disk struct {
	device      uint64
	mount       string // the topmost folder of it
	free, total int64  // bytes for us
}

// diskOf looks at what is there of a path.
func diskOf(path string) (disk, error) {
	path, err := filepath.Abs(existing(path))
	if err != nil {
		return disk{}, err
	}
	device, err := deviceOf(path)
	if err != nil {
		return disk{}, err
	}
	var about unix.Statfs_t
	if err := unix.Statfs(path, &about); err != nil {
		return disk{}, err
	}
	d := disk{device: device, mount: path, free: int64(about.Bavail) * about.Bsize, total: int64(about.Blocks) * about.Bsize}
	for d.mount != "/" {
		above := filepath.Dir(d.mount)
		if other, err := deviceOf(above); err != nil || other != device {
			break
		}
		d.mount = above
	}
	return d, nil
}

func deviceOf(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	about, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return uint64(about.Dev), nil
}

func (d disk) String() string {
	return fmt.Sprintf("the disk at %s, of which %s of %s are free", d.mount, size(d.free), size(d.total))
}

// wayOut is what people can do about a disk that is too small.
const wayOut = "make room in an earlier step, choose a resource class with more disk, or ask whoever operates this platform"

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// nameDisk adds to an error that says that a disk is full which one it is, and
// what can be done. at is a path on it; "" takes the error's own.
func nameDisk(err error, at string) error {
	if !full(err) {
		return err
	}
	var about *fs.PathError
	if at == "" && errors.As(err, &about) {
		at = about.Path
	}
	d, lookErr := diskOf(at)
	if lookErr != nil {
		return fmt.Errorf("%w: %s", err, wayOut)
	}
	return fmt.Errorf("%w on %s: %s", err, d, wayOut)
}

// fits tells whether so many bytes have room below some folders, of which all
// the disks count together. Local copies of archives that are in the way are
// given up first: they only save time.
func (k *keeping) fits(bytes int64, folders ...string) error {
	for {
		room, where := int64(0), ""
		seen := map[uint64]bool{}
		for _, at := range folders {
			d, err := diskOf(at)
			if err != nil || seen[d.device] {
				continue // one that cannot be looked at is found out by writing
			}
			seen[d.device], where = true, d.String()
			room += d.free
		}
		if len(seen) == 0 || bytes <= room {
			return nil
		}
		if !k.makeRoom(seen) {
			return core.Errorf(core.CodeExhausted, "it needs %s on %s: %s", size(bytes), where, wayOut)
		}
	}
}

// makeRoom removes the local copies if they are on one of those disks, and tells
// whether there were any.
func (k *keeping) makeRoom(devices map[uint64]bool) bool {
	device, err := deviceOf(k.store.CopiesDir())
	if err != nil || !devices[device] {
		return false
	}
	gone := k.store.DropCopies()
	if gone > 0 {
		k.say("The disk is full: %s of local copies of caches and workspaces were given up.", size(gone))
	}
	return gone > 0
}
