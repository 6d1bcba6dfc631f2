// SPDX-License-Identifier: MPL-2.0

package archive

import "golang.org/x/sys/unix"

// Copies only save time, and builds may need the room: so much of the disk, or
// the share of a small one, they leave free.
const (
	spareBytes = 1 << 30
	spareShare = 10
)

// lacking is how many bytes have to go for the disk to have its spare room;
// below 0 it has more.
func (c *copies) lacking() int64 {
	var about unix.Statfs_t
	if unix.Statfs(c.root.Name(), &about) != nil {
		return -spareBytes
	}
	spare := min(int64(about.Blocks)*about.Bsize/spareShare, spareBytes)
	return spare - int64(about.Bavail)*about.Bsize
}

// hasRoom gives older copies up where size more bytes would not leave the disk
// its spare room, and returns false where it is not copies that fill it.
func (c *copies) hasRoom(size int64) bool {
	// Asked under the lock: what a part before made room for is not made twice.
	c.trimming.Lock()
	defer c.trimming.Unlock()
	over := c.lacking() + size
	if over <= 0 {
		return true
	}
	c.trimAlone(over) // or another agent does
	if c.lacking()+size <= 0 {
		return true
	}
	files, _ := c.list()
	return len(files) > 0
}

// CopiesDir is the folder of local copies, "" for none.
func (s *Store) CopiesDir() string { return s.cfg.CopiesDir }

// DropCopies gives up all local copies, where a job needs their room, and
// returns how many bytes those had. It does not wait for agents that use them.
func (s *Store) DropCopies() (gone int64) {
	if s.copies == nil {
		return 0
	}
	files, _ := s.copies.list()
	for _, f := range files {
		if s.copies.root.Remove(f.name) == nil {
			gone += f.size
		}
	}
	return gone
}
