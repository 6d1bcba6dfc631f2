// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A client keeps the data of engines for later jobs (docker_layer_caching) in
// one folder:
//
//	locks/<key>-<n>   held by the engine that has the data; changed when it was taken
//	data/<key>-<n>    becomes the engine's data folder
//
// The key is that of those who may see one another's layers, which are programs
// and are run. Two jobs never have the same data at a time: each takes one that
// is free, and makes another when there is none.
const (
	layersMost  = 8                  // folders of a key; a further engine keeps nothing
	layersFor   = 3 * 24 * time.Hour // without use
	layersFree  = 10                 // percent of the file system, below which old data is removed
	layersKey   = 32                 // the shortest key
	layersSpare = 10 * time.Second   // for removing what nobody needs, before the job gets its engine

	// In a workflow the engine of the job before is often still stopping, whose
	// layers are the ones that are wanted. Nothing tells when a lock is free.
	layersWait  = 10 * time.Second
	layersPause = 100 * time.Millisecond
)

// dataFolder is where dockerd keeps everything.
const dataFolder = "/var/lib/docker"

// shelf is the folder of a client, with what tests replace.
type shelf struct {
	dir  string
	now  func() time.Time
	free func(dir string) (percent int, err error)
	wait time.Duration // for data that another engine has
}

// book is data that was taken, with its lock.
type book struct {
	name string
	used time.Time
	lock *os.File
}

func newShelf(dir string) *shelf {
	return &shelf{dir: dir, now: time.Now, free: freeSpace, wait: layersWait}
}

func (s *shelf) data(name string) string { return filepath.Join(s.dir, "data", name) }

// take returns the data of a key that was used last among those that are free,
// soon or now, or new data, or nil when too many are taken. What nobody used for
// long is removed first, whose ever it is.
func (s *shelf) take(key string) (*book, error) {
	if len(key) < layersKey || strings.Trim(key, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("%q is no key of kept layers", key)
	}
	for _, name := range []string{"locks", "data"} {
		if err := os.MkdirAll(filepath.Join(s.dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("making the folder of kept layers: %w", err)
		}
	}
	if err := s.sweep(key); err != nil {
		return nil, err
	}
	for waited := time.Duration(0); ; waited += layersPause {
		own, err := s.list(key + "-")
		if err != nil {
			return nil, err
		}
		slices.SortFunc(own, func(a, b book) int { return b.used.Compare(a.used) })
		for _, b := range own {
			if taken, err := s.lock(b.name); taken != nil || err != nil {
				return s.open(taken, err)
			}
		}
		if len(own) == 0 || waited >= s.wait {
			break
		}
		time.Sleep(layersPause)
	}
	for n := range layersMost {
		if taken, err := s.lock(key + "-" + strconv.Itoa(n)); taken != nil || err != nil {
			return s.open(taken, err)
		}
	}
	return nil, nil
}

// open marks data as used now.
func (s *shelf) open(b *book, err error) (*book, error) {
	if err != nil {
		return nil, err
	}
	now := s.now()
	if err := errors.Join(os.Chtimes(b.lock.Name(), now, now), os.MkdirAll(s.data(b.name), 0o711)); err != nil {
		return nil, errors.Join(fmt.Errorf("taking kept layers: %w", err), b.lock.Close())
	}
	return b, nil
}

// lock takes data, nil when somebody has it. The lock outlives exec, and ends
// with the last process that holds it.
func (s *shelf) lock(name string) (*book, error) {
	path := filepath.Join(s.dir, "locks", name)
	for range 10 {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening the lock of kept layers: %w", err)
		}
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			err = errors.Join(err, file.Close())
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, nil
			}
			return nil, fmt.Errorf("locking kept layers: %w", err)
		}
		var stat unix.Stat_t
		if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
			return nil, errors.Join(fmt.Errorf("looking at the lock of kept layers: %w", err), file.Close())
		}
		if stat.Nlink > 0 {
			return &book{name: name, lock: file}, nil
		}
		// Whoever removed the data meanwhile removed its lock as well.
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// list returns the data whose names begin with a prefix, without their locks.
func (s *shelf) list(prefix string) ([]book, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "locks"))
	if err != nil {
		return nil, fmt.Errorf("listing kept layers: %w", err)
	}
	var all []book
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing kept layers: %w", err)
		}
		all = append(all, book{name: entry.Name(), used: info.ModTime()})
	}
	return all, nil
}

// sweep removes what nobody used for long, and on a full file system what was
// used longest ago; that of the key last. It ends after a while: a job waits.
func (s *shelf) sweep(key string) error {
	all, err := s.list("")
	if err != nil {
		return err
	}
	own := func(b book) bool { return strings.HasPrefix(b.name, key+"-") }
	slices.SortFunc(all, func(a, b book) int {
		if own(a) != own(b) {
			if own(a) {
				return 1
			}
			return -1
		}
		return a.used.Compare(b.used)
	})
	started := s.now()
	for _, b := range all {
		if s.now().Sub(started) > layersSpare {
			return nil
		}
		if started.Sub(b.used) < layersFor {
			free, err := s.free(s.dir)
			if err != nil {
				return err
			}
			if free >= layersFree {
				continue
			}
		}
		if err := s.remove(b.name); err != nil {
			return err
		}
	}
	return nil
}

// remove removes data that nobody has.
func (s *shelf) remove(name string) error {
	taken, err := s.lock(name)
	if taken == nil || err != nil {
		return err
	}
	// The lock goes last: what is half removed is never taken for whole.
	if err := errors.Join(os.RemoveAll(s.data(name)), os.Remove(taken.lock.Name()), taken.lock.Close()); err != nil {
		return fmt.Errorf("removing kept layers: %w", err)
	}
	return nil
}

// enter puts data in the place of the engine's own, until this process and those
// that it becomes or starts have ended.
func (s *shelf) enter(b *book) error {
	if err := os.MkdirAll(dataFolder, 0o711); err != nil {
		return fmt.Errorf("making the engine's folder: %w", err)
	}
	if err := unix.Mount(s.data(b.name), dataFolder, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting kept layers: %w", err)
	}
	if _, err := unix.FcntlInt(b.lock.Fd(), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("keeping the lock of kept layers: %w", err)
	}
	return nil
}

func freeSpace(dir string) (int, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("asking for the space of kept layers: %w", err)
	}
	// What is kept for root counts as little as df counts it.
	return int(stat.Bavail * 100 / max(1, stat.Blocks-stat.Bfree+stat.Bavail)), nil
}
