// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// copies are parts in a folder of the client, each in the file
// <first two digits>/<SHA-256>. Agents of many tasks use the folder at once: a
// file appears whole or not at all, and may go at any time. Nothing here can
// fail a step.
type copies struct {
	dir    string
	most   int64 // bytes
	logger hclog.Logger
	newID  func() string
	added  atomic.Int64 // bytes since the last trim
}

// abandoned is the age at which a file that was never finished is removed.
const abandoned = time.Hour

var digestName = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (c *copies) path(digest string) string { return filepath.Join(c.dir, digest[:2], digest) }

// read appends a part to buffer, which has the room, when a whole copy of it is
// here. One that is not what its name says is removed.
func (c *copies) read(digest string, size int64, buffer []byte) ([]byte, bool) {
	if c == nil || !digestName.MatchString(digest) {
		return buffer, false
	}
	path := c.path(digest)
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return buffer, false
	}
	defer file.Close()
	got := buffer[:size]
	_, err = io.ReadFull(file, got)
	if err == nil && digestOf(got) == digest {
		now := time.Now()
		os.Chtimes(path, now, now) // it is the oldest that go first
		return got, true
	}
	c.logger.Warn("a local copy of an archive's part is damaged and was removed", "path", path, "error", err)
	os.Remove(path)
	return buffer, false
}

// keep adds a part.
func (c *copies) keep(digest string, sealed []byte) {
	if c == nil || !digestName.MatchString(digest) || int64(len(sealed)) > c.most {
		return
	}
	path := c.path(digest)
	if info, err := os.Lstat(path); err == nil && info.Size() == int64(len(sealed)) {
		return
	}
	if err := c.write(path, sealed); err != nil {
		c.logger.Debug("a local copy of an archive's part was not kept", "path", path, "error", err)
		return
	}
	if c.added.Add(int64(len(sealed))) > c.most/8 {
		c.trim()
	}
}

func (c *copies) write(path string, sealed []byte) error {
	folder := filepath.Dir(path)
	if os.Mkdir(folder, 0o777) == nil {
		os.Chmod(folder, 0o777) // agents of other users add to it, whatever our umask is
	}
	unfinished := path + "." + c.newID()
	file, err := os.OpenFile(unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(sealed)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		os.Remove(unfinished)
	}
	return err
}

// aged is a file and when it was last of use.
type aged struct {
	path string
	size int64
	used time.Time
}

// trim removes the copies that were of no use for longest until the rest fits.
// Only one agent does so at a time; the others need not wait for it.
func (c *copies) trim() {
	if c == nil {
		return
	}
	lock, err := os.Open(c.dir)
	if err != nil {
		return
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	c.added.Store(0)
	files, total := c.list()
	slices.SortFunc(files, func(a, b aged) int { return a.used.Compare(b.used) })
	for _, f := range files {
		if total <= c.most {
			return
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
	}
}

func (c *copies) list() (files []aged, total int64) {
	filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || filepath.Dir(path) == c.dir {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if !digestName.MatchString(entry.Name()) && time.Since(info.ModTime()) > abandoned {
			os.Remove(path)
			return nil
		}
		files = append(files, aged{path: path, size: info.Size(), used: info.ModTime()})
		total += info.Size()
		return nil
	})
	return files, total
}
