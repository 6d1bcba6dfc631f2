// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/muster-ci/muster/internal/wire"
)

// piece is a run of bytes as it will be stored when all of it is new, which is
// the rule: it is compressed before it waits for the database, and then waits in
// that form alone.
type piece struct {
	stream int
	offset int64
	size   int
	data   []byte // nil when body has it compressed
	body   body
	buffer *[]byte // of full, when data lies in one
}

// plain returns the bytes.
func (p *piece) plain() ([]byte, error) {
	if p.data != nil || p.size == 0 {
		return p.data, nil
	}
	return p.body.unpack(nil, p.size)
}

// received is the frames of one request, cut to the size of rows. Neighbours
// of one stream are one piece; events stay as they came, because one that is
// malformed must not take its neighbour along.
type received struct {
	pieces []piece
	size   int
	bad    error // what ended the body in the middle

	places places
}

// receive reads a body of frames. It fails only when ctx ends while it waits
// for its turn. The caller releases what it got, also with an error.
func (s *Service) receive(ctx context.Context, body io.Reader) (*received, error) {
	r := &received{places: places{room: s.room}}
	d := frames.Get().(*wire.Decoder)
	d.Reset(body)
	defer func() {
		d.Reset(nil) // lets go of the body
		frames.Put(d)
	}()
	var noPlace error
	d.Admit = func(size int64) error {
		noPlace = r.places.grow(ctx, size)
		return noPlace
	}
	for {
		f, err := d.Next()
		if err != nil {
			if noPlace != nil {
				return r, noPlace
			}
			r.pack()
			if !errors.Is(err, io.EOF) {
				r.bad = err
			}
			return r, nil
		}
		r.size += len(f.Data)
		r.add(f)
	}
}

// frames keeps decoders, whose buffers are as long as a frame: making those anew
// for each request is a tenth of its processor time.
var frames = sync.Pool{New: func() any { return wire.NewDecoder(nil) }}

// full and packing are the memory of a full piece, as it is and while it is
// compressed: used again because clearing it anew for each costs as much as
// compressing.
var (
	full    = sync.Pool{New: func() any { return new(make([]byte, 0, maxChunk)) }}
	packing = sync.Pool{New: func() any { return new(make([]byte, s2.MaxEncodedLen(maxChunk))) }}
)

// pack compresses the pieces. What is compressed is copied to where it takes no
// more than its size: hundreds of requests may wait for the database.
func (r *received) pack() {
	room := packing.Get().(*[]byte)
	defer packing.Put(room)
	for i := range r.pieces {
		p := &r.pieces[i]
		p.size = len(p.data)
		if p.body = pack(*room, p.data); p.body.packed {
			p.body.data = append([]byte(nil), p.body.data...)
			p.data = nil
			p.free()
		}
	}
}

// free gives the memory of data back, if it is of full.
func (p *piece) free() {
	if p.buffer != nil {
		full.Put(p.buffer)
	}
	p.buffer = nil
}

// add takes a frame, whose bytes it copies.
func (r *received) add(f wire.Frame) {
	if f.Stream == wire.EventStream {
		r.pieces = append(r.pieces, newPiece(f.Stream, f.Offset, f.Data))
		return
	}
	joined, fits := r.join(f)
	f.Data, f.Offset = f.Data[joined:], f.Offset+int64(joined)
	for again := !fits; again; again = len(f.Data) > 0 {
		n := min(len(f.Data), maxChunk)
		r.pieces = append(r.pieces, newPiece(f.Stream, f.Offset, f.Data[:n]))
		f.Data, f.Offset = f.Data[n:], f.Offset+int64(n)
	}
}

// join lets the last piece grow when the frame goes on where it ends. It
// returns how much of the frame that took, and whether it was all.
func (r *received) join(f wire.Frame) (n int, all bool) {
	if len(r.pieces) == 0 {
		return 0, false
	}
	last := &r.pieces[len(r.pieces)-1]
	if last.stream != f.Stream || last.offset+int64(len(last.data)) != f.Offset {
		return 0, false
	}
	n = min(maxChunk-len(last.data), len(f.Data))
	last.data = append(last.data, f.Data[:n]...)
	return n, n == len(f.Data)
}

// newPiece takes the first bytes of a run.
func newPiece(stream int, offset int64, data []byte) piece {
	p := piece{stream: stream, offset: offset}
	if len(data) > maxChunk/2 {
		p.buffer = full.Get().(*[]byte)
		p.data = (*p.buffer)[:0]
	}
	p.data = append(p.data, data...)
	return p
}

// release gives the memory back; the pieces are not to be used any more.
func (r *received) release() {
	for i := range r.pieces {
		r.pieces[i].free()
	}
	r.places.release()
}

// keep leaves the memory of the pieces to the garbage collector, because
// somebody may still read them.
func (r *received) keep() {
	for i := range r.pieces {
		r.pieces[i].buffer = nil
	}
}
