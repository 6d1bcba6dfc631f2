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

// hasRoom makes sure that size more bytes leave the disk its spare room, if need
// be in the place of older copies.
func (c *copies) hasRoom(size int64) bool {
	over := c.lacking() + size
	if over <= 0 {
		return true
	}
	if c.tight.Load() {
		return false
	}
	c.trim(over)
	if c.lacking()+size <= 0 {
		return true
	}
	c.tight.Store(true) // it is not copies that fill the disk
	return false
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
