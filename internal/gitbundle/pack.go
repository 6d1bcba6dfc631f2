// SPDX-License-Identifier: MPL-2.0

package gitbundle

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/muster-ci/muster/core"
)

// Limits bound a pack. Zero fields mean the defaults.
type Limits struct {
	Bytes    int64 // of the pack; 1 GiB
	Object   int64 // of one object, unpacked; 256 MiB
	Unpacked int64 // of all objects, unpacked; 8 GiB
	Objects  int64 // 5,000,000
	// TempDir holds the pack while it is checked; "" means the system's.
	TempDir string
}

func (l Limits) withDefaults() Limits {
	set := func(field *int64, value int64) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Bytes, 1<<30)
	set(&l.Object, 256<<20)
	set(&l.Unpacked, 8<<30)
	set(&l.Objects, 5_000_000)
	return l
}

// Unpack reads a packfile to its end and puts its objects into s.
func Unpack(ctx context.Context, r io.Reader, s storer.Storer, limits Limits) error {
	limits = limits.withDefaults()
	f, err := os.CreateTemp(limits.TempDir, "muster-pack-")
	if err != nil {
		return fmt.Errorf("making a temporary file: %w", err)
	}
	// Unlinked at once: whatever ends this process, the file is gone with it.
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("unlinking the temporary file: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(contextReader{ctx, r}, limits.Bytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the pack: %w", err)
	case n > limits.Bytes:
		return core.Errorf(core.CodeInvalid, "the history is larger than %d bytes; that is the limit", limits.Bytes)
	case n == 0:
		return core.Errorf(core.CodeInvalid, "the pack is empty")
	}
	if err := check(ctx, f, limits); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewinding the pack: %w", err)
	}
	// Only a plain reader is handed on: the storage would otherwise close or
	// seek the file.
	return damaged(packfile.UpdateObjectStorage(s, contextReader{ctx, f}))
}

// check goes through the objects without keeping them.
func check(ctx context.Context, f io.ReadSeeker, limits Limits) (err error) {
	defer func() {
		// The scanner reads what a stranger wrote.
		if caught := recover(); caught != nil {
			err = core.Errorf(core.CodeInvalid, "the pack is damaged: %v", caught)
		}
	}()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewinding the pack: %w", err)
	}
	scanner := packfile.NewScanner(bufio.NewReaderSize(f, 256<<10))
	_, count, err := scanner.Header()
	if err != nil {
		return damaged(err)
	}
	if int64(count) > limits.Objects {
		return core.Errorf(core.CodeInvalid, "the pack has %d objects; the limit is %d", count, limits.Objects)
	}
	var total int64
	for range count {
		if err := ctx.Err(); err != nil {
			return err
		}
		size, err := objectSize(scanner, limits.Object)
		if err != nil {
			return damaged(err)
		}
		if total += size; size > limits.Object || total > limits.Unpacked {
			return core.Errorf(core.CodeInvalid, "the pack unpacks to too much: an object may have %d bytes and all of them together %d",
				limits.Object, limits.Unpacked)
		}
	}
	return nil
}

// objectSize passes one object and returns how large it is when unpacked: of a
// delta, the size of what it makes.
func objectSize(scanner *packfile.Scanner, most int64) (int64, error) {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return 0, err
	}
	if header.Length < 0 || header.Length > most {
		return most + 1, nil
	}
	var start deltaStart
	if _, _, err := scanner.NextObject(&start); err != nil {
		return 0, err
	}
	if header.Type != plumbing.OFSDeltaObject && header.Type != plumbing.REFDeltaObject {
		return header.Length, nil
	}
	return start.target()
}

// deltaStart keeps the first bytes of a delta, where its sizes are.
type deltaStart struct {
	bytes [20]byte
	n     int
}

func (d *deltaStart) Write(p []byte) (int, error) {
	d.n += copy(d.bytes[d.n:], p)
	return len(p), nil
}

// target reads the second of the two numbers that begin a delta. They are
// little-endian base 128, which is what encoding/binary calls a varint.
func (d *deltaStart) target() (int64, error) {
	_, n := binary.Uvarint(d.bytes[:d.n])
	if n <= 0 {
		return 0, errors.New("a delta without sizes")
	}
	size, n := binary.Uvarint(d.bytes[n:d.n])
	if n <= 0 || size > 1<<62 {
		return 0, errors.New("a delta without sizes")
	}
	return int64(size), nil
}

// damaged gives the library's errors their code; ended contexts and failing
// disks keep their own.
func damaged(err error) error {
	var path *os.PathError
	var coded *core.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &path), errors.As(err, &coded):
		return err
	default:
		return &core.Error{Code: core.CodeInvalid, Message: "the pack is damaged or was not sent whole", Err: err}
	}
}
