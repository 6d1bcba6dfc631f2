// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"errors"
	"io"
	"strconv"

	"golang.org/x/sys/unix"
)

// extent is a piece of a file that is no hole.
type extent struct{ offset, length int64 }

// extentsOf returns where the data of a file lies, and false when it has no
// holes worth the name or the file system cannot tell.
func extentsOf(fd int, info *unix.Stat_t) ([]extent, bool) {
	if info.Size <= small || info.Blocks*512 >= info.Size {
		return nil, false
	}
	var list []extent
	for at := int64(0); at < info.Size; {
		begin, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // only a hole is left
		}
		if err != nil || len(list) == maxExtents-1 {
			return nil, false
		}
		end, err := unix.Seek(fd, begin, unix.SEEK_HOLE)
		if err != nil || end <= begin {
			return nil, false
		}
		end = min(end, info.Size)
		list = append(list, extent{begin, end - begin})
		at = end
	}
	if len(list) == 1 && list[0].length == info.Size {
		return nil, false
	}
	if last := len(list) - 1; last < 0 || list[last].offset+list[last].length < info.Size {
		list = append(list, extent{info.Size, 0}) // GNU tar makes a file as long as its map is
	}
	return list, true
}

// appendMap appends the map of a file with holes, in whole blocks: the number
// of extents, and offset and length of each, a line each.
func appendMap(dst []byte, list []extent) []byte {
	from := len(dst)
	dst = strconv.AppendInt(dst, int64(len(list)), 10)
	dst = append(dst, '\n')
	for _, e := range list {
		dst = strconv.AppendInt(dst, e.offset, 10)
		dst = append(dst, '\n')
		dst = strconv.AppendInt(dst, e.length, 10)
		dst = append(dst, '\n')
	}
	return append(dst, zeros[:padding(int64(len(dst)-from))]...)
}

// readMap reads what appendMap wrote, and holds it to the file's length.
func readMap(r io.Reader, length int64) ([]extent, error) {
	m := &mapReader{from: r}
	count, err := m.number()
	if err != nil || count > maxExtents {
		return nil, errMap
	}
	list := make([]extent, 0, min(count, 1024))
	end := int64(0)
	for range count {
		offset, err := m.number()
		if err != nil {
			return nil, err
		}
		size, err := m.number()
		if err != nil {
			return nil, err
		}
		if offset < end || size > length-offset {
			return nil, errMap
		}
		end = offset + size
		list = append(list, extent{offset, size})
	}
	m.block = m.block[:0] // the rest of the last block is padding
	return list, nil
}

var errMap = errors.New("the map of its holes is damaged")

// mapReader reads lines of digits, in whole blocks.
type mapReader struct {
	from  io.Reader
	store [blockSize]byte
	block []byte
}

func (m *mapReader) number() (int64, error) {
	var digits [19]byte
	for i := 0; ; i++ {
		if len(m.block) == 0 {
			if _, err := io.ReadFull(m.from, m.store[:]); err != nil {
				return 0, errMap
			}
			m.block = m.store[:]
		}
		c := m.block[0]
		m.block = m.block[1:]
		if c == '\n' {
			n, err := strconv.ParseUint(string(digits[:i]), 10, 63)
			if err != nil {
				return 0, errMap
			}
			return int64(n), nil
		}
		if i == len(digits) || c < '0' || c > '9' {
			return 0, errMap
		}
		digits[i] = c
	}
}

// sparseRecords are what a header says of a file with holes. Of the three
// formats that GNU tar has had only the last is known here.
type sparseRecords struct {
	seen         int
	major, minor string
	name         string
	length       int64
}

// record takes one, whose key has lost its beginning.
func (s *sparseRecords) record(key, value string) (err error) {
	s.seen++
	switch key {
	case "major":
		s.major = value
	case "minor":
		s.minor = value
	case "name":
		s.name = value
	case "realsize":
		s.length, err = strconv.ParseInt(value, 10, 64)
	default:
		err = errTar // its content is not what it looks like
	}
	if err != nil || s.length < 0 {
		return errTar
	}
	return nil
}

// apply puts them in the place of what was said before.
func (s *sparseRecords) apply(e *entry) error {
	if s.seen == 0 {
		return nil
	}
	if s.seen != 4 || s.major != "1" || s.minor != "0" || s.name == "" || e.kind != tar.TypeReg {
		return errTar
	}
	e.name, e.sparse = s.name, s.length
	return nil
}
