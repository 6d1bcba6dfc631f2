// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// made is a file that is to be made in an open folder.
type made struct {
	folder *folder
	base   string
	name   string // for people
	mode   uint32
	mtime  time.Time
	link   string  // of a symbolic link
	whole  []byte  // content of a small file
	buffer *[]byte // that whole lies in
	chunks chan []byte
	places []extent // of a file with holes
	length int64    // its length
}

// umask is what the system takes from the mode of what is made here.
func umask() uint32 {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range strings.Lines(string(status)) {
			if digits, ok := strings.CutPrefix(line, "Umask:"); ok {
				if n, err := strconv.ParseUint(strings.TrimSpace(digits), 8, 32); err == nil {
					return uint32(n)
				}
			}
		}
	}
	return 0o777 // then every mode is set by itself
}

// again retries f when a signal interrupted it.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// inTheWay calls f, which makes base, and once more after it has removed the
// file or the link that is there.
func inTheWay(fd int, base string, f func() error) error {
	err := again(f)
	for range 2 {
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		if err := unix.Unlinkat(fd, base, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
				return errors.New("a folder of that name is in its way")
			}
			return err
		}
		err = again(f)
	}
	return err
}

// create makes a new file.
func (m *made) create() (int, error) {
	var fd int
	err := inTheWay(m.folder.fd(), m.base, func() (err error) {
		fd, err = unix.Openat(m.folder.fd(), m.base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, m.mode)
		return err
	})
	return fd, err
}

// settle sets what a new file has beside its content.
func (m *made) settle(fd int, umask uint32) error {
	if m.mode&umask != 0 {
		if err := unix.Fchmod(fd, m.mode); err != nil {
			return err
		}
	}
	return m.setTime()
}

func (m *made) setTime() error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(0)}
	times[1].Sec, times[1].Nsec = m.mtime.Unix(), int64(m.mtime.Nanosecond())
	return again(func() error { return unix.UtimesNanoAt(m.folder.fd(), m.base, times, unix.AT_SYMLINK_NOFOLLOW) })
}

// make makes the file and lets the folder go.
func (m *made) make(ctx context.Context, u *unpacker) error {
	defer m.folder.release()
	if m.link != "" {
		err := inTheWay(m.folder.fd(), m.base, func() error { return unix.Symlinkat(m.link, m.folder.fd(), m.base) })
		if err != nil {
			return err
		}
		return m.setTime()
	}
	fd, err := m.create()
	if err != nil {
		return err
	}
	if m.chunks == nil {
		err = writeAt(fd, m.whole, 0)
		u.small.Put(m.buffer)
	} else {
		err = m.fill(ctx, fd, u)
	}
	if err == nil {
		err = m.settle(fd, u.umask)
	}
	return errors.Join(err, unix.Close(fd))
}

// fill writes chunks as they come, around the holes.
func (m *made) fill(ctx context.Context, fd int, u *unpacker) error {
	places := m.places
	if places == nil {
		places = []extent{{0, m.length}}
	}
	done := int64(0) // of the first of places
	for {
		var data []byte
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case next, more := <-m.chunks:
			if !more {
				if m.places != nil {
					return unix.Ftruncate(fd, m.length)
				}
				return nil
			}
			data = next
		}
		for rest := data; len(rest) > 0; {
			for done == places[0].length {
				places, done = places[1:], 0
			}
			n := min(int64(len(rest)), places[0].length-done)
			if err := writeAt(fd, rest[:n], places[0].offset+done); err != nil {
				return err
			}
			rest, done = rest[n:], done+n
		}
		u.large.Put(&data)
	}
}

func writeAt(fd int, p []byte, offset int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(fd, p, offset)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		p, offset = p[n:], offset+int64(n)
	}
	return nil
}
