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
// the rule: it is compressed before it waits for the database.
type piece struct {
	stream int
	offset int64
	data   []byte
	body   body
}

// received is the frames of one request, cut to the size of rows. Neighbours
// of one stream are one piece; events stay as they came, because one that is
// malformed must not take its neighbour along.
type received struct {
	pieces []piece
	size   int
	bad    error // what ended the body in the middle

	buffers []*buffer
	slot    func()
}

// small is what a request may have without waiting for one of the few places
// for large ones. Most have much less.
const small = 64 << 10

// receive reads a body of frames. It fails only when ctx ends while it waits
// for its turn. The caller releases what it got, also with an error.
func (s *Service) receive(ctx context.Context, body io.Reader) (*received, error) {
	r := &received{slot: func() {}}
	d := wire.NewDecoder(body)
	for waited := false; ; {
		f, err := d.Next()
		if err != nil {
			r.pack()
			if !errors.Is(err, io.EOF) {
				r.bad = err
			}
			return r, nil
		}
		if r.size += len(f.Data); r.size > small && !waited {
			waited = true
			select {
			case s.slots <- struct{}{}:
				r.slot = func() { <-s.slots }
			case <-ctx.Done():
				return r, ctx.Err()
			}
		}
		r.add(f)
	}
}

func (r *received) pack() {
	spare := r.buffers
	for i := range r.pieces {
		p := &r.pieces[i]
		var room []byte
		if cap(p.data) == maxChunk && len(spare) > 0 {
			room, spare = spare[0].packed, spare[1:]
		}
		p.body = pack(room, p.data)
	}
}

// add takes a frame, whose bytes it copies.
func (r *received) add(f wire.Frame) {
	if f.Stream == wire.EventStream {
		r.pieces = append(r.pieces, piece{stream: f.Stream, offset: f.Offset, data: append([]byte(nil), f.Data...)})
		return
	}
	joined, fits := r.join(f)
	f.Data, f.Offset = f.Data[joined:], f.Offset+int64(joined)
	for again := !fits; again; again = len(f.Data) > 0 {
		n := min(len(f.Data), maxChunk)
		r.pieces = append(r.pieces, piece{stream: f.Stream, offset: f.Offset, data: append(r.room(n), f.Data[:n]...)})
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

// buffer is the memory of one full piece, used again because clearing it anew
// for each costs as much as compressing.
type buffer struct{ data, packed []byte }

var buffers = sync.Pool{New: func() any {
	return &buffer{make([]byte, maxChunk), make([]byte, s2.MaxEncodedLen(maxChunk))}
}}

// room returns an empty slice for n bytes.
func (r *received) room(n int) []byte {
	if n <= maxChunk/2 {
		return make([]byte, 0, n)
	}
	b := buffers.Get().(*buffer)
	r.buffers = append(r.buffers, b)
	return b.data[:0:maxChunk]
}

// release gives the memory back; the pieces are not to be used any more.
func (r *received) release() {
	for _, b := range r.buffers {
		buffers.Put(b)
	}
	r.buffers = nil
	r.slot()
	r.slot = func() {}
}

// keep leaves the memory of the pieces to the garbage collector, because
// somebody may still read them.
func (r *received) keep() { r.buffers = nil }
