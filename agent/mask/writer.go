// SPDX-License-Identifier: MPL-2.0

package mask

import "io"

// chunk is how much of one Write is looked at before it is passed on.
const chunk = 64 << 10

// Writer masks one stream. It is not safe for use by several goroutines.
type Writer struct {
	set *Set
	dst io.Writer
	a   *automaton // the one that the states below belong to

	buf []byte // bytes that have not been passed on
	out []byte // reused for what is passed on
	pos int    // buf[:pos] has been scanned

	nextCR, nextESC int // the next in buf, or its length; -1 when not looked for

	raw    uint32 // state of the raw view
	forked bool   // the two views differ; see step
	seen   uint32 // state of the seen view
	start  int    // where the pending bytes of the seen view begin
	gaps   []span // the unseen bytes among them
	escape escape

	hits   []span // matches that have not been passed on, in order
	masked bool   // the last byte that was passed on belongs to a Mark
}

// Write takes p and passes on what is decided. It returns an error of dst, and
// len(p) otherwise.
func (w *Writer) Write(p []byte) (int, error) {
	if current := w.set.current.Load(); current != w.a {
		w.a = current
		w.restart()
	}
	if w.a == nil {
		return w.dst.Write(p)
	}
	for rest := p; len(rest) > 0; {
		n := min(chunk, len(rest))
		w.buf = append(w.buf, rest[:n]...)
		rest = rest[n:]
		w.nextCR, w.nextESC = -1, -1
		w.scan()
		if err := w.pass(w.pending()); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Flush passes on what was held back: the stream has ended here, or pauses for
// text that has nothing to do with it.
func (w *Writer) Flush() error {
	w.pos = len(w.buf)
	w.raw, w.forked, w.escape = 0, false, escapeNone
	return w.pass(len(w.buf))
}

// restart looks at the held bytes again, with a new automaton.
func (w *Writer) restart() {
	w.pos, w.raw, w.forked, w.escape = 0, 0, false, escapeNone
}

// pending returns where the bytes begin that are not decided.
func (w *Writer) pending() int {
	start := w.pos - int(w.a.nodes[w.raw].depth)
	if w.forked {
		start = min(start, w.start)
	}
	return start
}

// pass writes buf[:limit] with its matches replaced, and lets go of it.
func (w *Writer) pass(limit int) error {
	out := w.buf[:limit]
	if len(w.hits) > 0 {
		out = w.replace(limit)
	} else if limit > 0 {
		w.masked = false
	}
	if len(out) > 0 {
		if _, err := w.dst.Write(out); err != nil {
			return err
		}
	}
	w.buf = w.buf[:copy(w.buf, w.buf[limit:])]
	w.pos -= limit
	w.start -= limit
	for i := range w.hits {
		w.hits[i].start -= limit
		w.hits[i].end -= limit
	}
	for i := range w.gaps {
		w.gaps[i].start -= limit
		w.gaps[i].end -= limit
	}
	return nil
}

// replace returns buf[:limit] with Marks, and keeps of hits what reaches
// beyond limit. A match whose Mark has been written goes on without another.
func (w *Writer) replace(limit int) []byte {
	out := w.out[:0]
	at, done := 0, 0
	for _, h := range w.hits {
		if h.start >= limit {
			break
		}
		if h.start > at {
			out = append(out, w.buf[at:h.start]...)
			w.masked = false
		}
		if !w.masked {
			out = append(out, Mark...)
			w.masked = true
		}
		if at = min(h.end, limit); h.end > limit {
			w.hits[done].start = limit
			break
		}
		done++
	}
	if at < limit {
		out = append(out, w.buf[at:limit]...)
		w.masked = false
	}
	w.hits = append(w.hits[:0], w.hits[done:]...)
	w.out = out
	return out
}
