// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"fmt"
	"os"
)

// segment is one file of a spool. It has no name: the file is unlinked as soon
// as it is open, so that its space is free again however the agent ends, and
// no process of the build can open it.
type segment struct {
	file *os.File
	base int64 // position of its first byte
	size int64
}

func newSegment(dir string, base int64) (*segment, error) {
	file, err := os.CreateTemp(dir, "muster-spool-*")
	if err != nil {
		return nil, fmt.Errorf("making a spool file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, fmt.Errorf("unlinking a spool file: %w", err)
	}
	return &segment{file: file, base: base}, nil
}

// append adds all of b or, with an error, nothing: size does not count what a
// full disk took of it, and the next append writes over it.
func (s *segment) append(b []byte) error {
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return err
	}
	s.size += int64(len(b))
	return nil
}

func (s *segment) read(b []byte, offset int64) error {
	_, err := s.file.ReadAt(b, offset)
	return err
}

// truncate empties the file, whose next byte will have position base.
func (s *segment) truncate(base int64) error {
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	s.base, s.size = base, 0
	return nil
}

// close cannot lose anything: what the segment held is acknowledged or given up.
func (s *segment) close() { s.file.Close() }
