// SPDX-License-Identifier: MPL-2.0

package sealed

import (
	"errors"
	"io"

	"github.com/muster-ci/muster/core"
)

// Reader opens length plain bytes from offset of a part that lies elsewhere; a
// negative length means all that follow. sealedSize is the length of the whole
// part in the store, from a source that is trusted: with it a store that holds
// less is found out. get opens a range of the stored bytes and is called once,
// unless the range is empty. Memory is one segment.
func (b *Box) Reader(part int, sealedSize, offset, length int64, get func(offset, length int64) (io.ReadCloser, error)) (io.ReadCloser, error) {
	checkPart(part)
	plain, err := PlainSize(sealedSize)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > plain || length > plain-offset {
		return nil, core.Errorf(core.CodeInvalid, "%d bytes from %d are not within a part of %d", length, offset, plain)
	}
	if length < 0 {
		length = plain - offset
	}
	if length == 0 && plain > 0 {
		return io.NopCloser(eof{}), nil
	}
	first, last := offset/Segment, max(0, (offset+length-1)/Segment)
	begin, end := first*block, min((last+1)*block, sealedSize)
	stored, err := get(begin, end-begin)
	if err != nil {
		return nil, err
	}
	return &reader{
		box: b, part: part, stored: stored, segment: first, left: length, skip: int(offset % Segment),
		unread: end - begin, total: segments(plain), buffer: make([]byte, min(block, end-begin)),
	}, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// reader opens one segment after the other.
type reader struct {
	box     *Box
	part    int
	stored  io.ReadCloser
	segment int64 // the next to be read
	total   int64 // how many the part has
	unread  int64 // stored bytes of the range that were not read yet
	left    int64 // plain bytes that were not returned yet
	skip    int   // plain bytes before the range, in the first segment
	buffer  []byte
	ready   []byte // opened and not returned, in buffer
	err     error
}

// Read returns what was opened and authenticated, never anything else.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.ready) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.ready) == 0 {
		return 0, r.err
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

func (r *reader) next() error {
	if r.unread == 0 {
		return io.EOF
	}
	piece := r.buffer[:min(int64(len(r.buffer)), r.unread)]
	if _, err := io.ReadFull(r.stored, piece); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return damaged("it ends within segment %d of part %d", r.segment, r.part)
		}
		return err
	}
	plain, err := r.box.aead.Open(piece[:0], nonce(r.part, r.segment), piece, about(r.segment == r.total-1))
	if err != nil {
		return damaged("segment %d of part %d is not what was sealed", r.segment, r.part)
	}
	r.unread -= int64(len(piece))
	r.segment++
	plain = plain[r.skip:]
	r.skip = 0
	r.ready = plain[:min(int64(len(plain)), r.left)]
	r.left -= int64(len(r.ready))
	if len(r.ready) == 0 {
		return io.EOF
	}
	return nil
}

// Close closes what get opened.
func (r *reader) Close() error { return r.stored.Close() }
