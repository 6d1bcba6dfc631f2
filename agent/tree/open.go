// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNoFile says that what is to be read is no regular file of a disk.
var ErrNoFile = errors.New("it is no regular file")

// Open opens a regular file that the build has named, links followed; anything
// else, what took its place a moment ago too, is ErrNoFile and is not waited for.
//
// Files of /proc are refused: there, a process may read of itself what the kernel
// keeps from all others, so that the agent would show the build its environment
// and memory map by storing them for it.
func Open(path string) (*os.File, fs.FileInfo, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := readable(fd); err != nil {
		unix.Close(fd)
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	file := os.NewFile(uintptr(fd), path)
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// readable tells by the open file, whose name may mean another one by now.
func readable(fd int) error {
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return err
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return ErrNoFile
	}
	return ofDisk(fd)
}

func ofDisk(fd int) error {
	var system unix.Statfs_t
	if err := unix.Fstatfs(fd, &system); err != nil {
		return err
	}
	if system.Type == unix.PROC_SUPER_MAGIC {
		return fmt.Errorf("%w, but one of /proc", ErrNoFile)
	}
	return nil
}
