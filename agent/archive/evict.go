// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// abandoned is the age at which a file that was never finished is removed, and
	// whatever else is not one of ours.
	abandoned = time.Hour
	// mostCopies bounds what is listed: with more files the rest of them goes,
	// whatever their age.
	mostCopies = 1 << 16
	// mostStrange is how much that is not ours one trim removes, and mostDepth how
	// deep it looks for it. A build may have left a million files; the steps of
	// others do not wait for that.
	mostStrange = 10_000
	mostDepth   = 16
)

// folderName is that of a folder of copies.
var folderName = regexp.MustCompile(`^[0-9a-f]{2}$`)

// lostFound is made by mkfs at the top of a file system.
const lostFound = "lost+found"

// aged is a file and when it was last of use.
type aged struct {
	name string
	size int64
	used time.Time
}

// trim removes the copies that were of no use for longest, until the rest fits
// and at least room bytes have gone. Only one agent does so at a time; the
// others need not wait for it. Parts of one agent that are on their way together
// do wait, since each needs room of its own.
func (c *copies) trim(room int64) {
	if c == nil {
		return
	}
	c.trimming.Lock()
	defer c.trimming.Unlock()
	c.trimAlone(room)
}

// trimAlone is for who holds trimming.
func (c *copies) trimAlone(room int64) {
	lock, err := c.root.Open(".")
	if err != nil {
		return
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	c.added.Store(0)
	c.clear()
	files, total := c.list()
	slices.SortFunc(files, func(a, b aged) int { return a.used.Compare(b.used) })
	most := min(c.most, total-room)
	for _, f := range files {
		if total <= most {
			return
		}
		if c.root.Remove(f.name) == nil {
			total -= f.size
		}
	}
}

// list returns what is in the folders of copies.
func (c *copies) list() (files []aged, total int64) {
	now := time.Now()
	for n := range 256 {
		folder := fmt.Sprintf("%02x", n)
		c.each(folder, func(name string, info fs.FileInfo) bool {
			if !info.Mode().IsRegular() {
				return true
			}
			if len(files) == mostCopies {
				c.root.Remove(name)
				return true
			}
			used := info.ModTime()
			if used.After(now.Add(abandoned)) {
				used = time.Time{} // somebody wants it to stay for ever
			}
			files = append(files, aged{name: name, size: info.Size(), used: used})
			total += info.Size()
			return true
		})
	}
	return files, total
}

// clear removes what is not ours and old: beside the folders of copies, and in
// them.
func (c *copies) clear() {
	left := mostStrange
	c.each(".", func(name string, info fs.FileInfo) bool {
		switch {
		case folderName.MatchString(name) && info.IsDir():
			c.each(name, func(name string, info fs.FileInfo) bool {
				if !info.Mode().IsRegular() || !digestName.MatchString(name[3:]) {
					c.drop(name, info, 0, &left)
				}
				return left > 0
			})
		case name != lostFound:
			c.drop(name, info, 0, &left)
		}
		return left > 0
	})
}

// drop removes what has not been changed for long, with all that is below it,
// while left lasts. What is too deep comes to the top, for the next trim.
func (c *copies) drop(name string, info fs.FileInfo, depth int, left *int) {
	if age := time.Since(info.ModTime()); depth == 0 && age < abandoned && age > -abandoned {
		return
	}
	*left--
	switch {
	case c.root.Remove(name) == nil || !info.IsDir():
		return
	case depth == mostDepth:
		c.root.Rename(name, "deep."+c.newID())
		return
	}
	c.each(name, func(name string, info fs.FileInfo) bool {
		c.drop(name, info, depth+1, left)
		return *left > 0
	})
	c.root.Remove(name)
}

// each calls f for what is in a folder until f says that this is enough.
func (c *copies) each(folder string, f func(name string, info fs.FileInfo) bool) {
	dir, err := c.root.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1000)
		for _, name := range names {
			if folder != "." {
				name = folder + "/" + name
			}
			if info, err := c.root.Lstat(name); err == nil && !f(name, info) {
				return
			}
		}
		if err != nil || len(names) == 0 {
			return
		}
	}
}
