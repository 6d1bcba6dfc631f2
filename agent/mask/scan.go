// SPDX-License-Identifier: MPL-2.0

package mask

import "bytes"

// shallow is the depth up to which walking gives way to searching again. It is
// below MinLength, so no match lies in the bytes that are looked at twice.
const shallow = MinLength - 1

// maxUnseen is how many unseen bytes may stand inside one match. A secret with
// more than that between two of its characters is not recognised; without a
// bound an endless row of carriage returns would be held for ever.
const maxUnseen = 4 << 10

// span is a range of positions in Writer.buf.
type span struct{ start, end int }

// scan reads buf from pos to its end. It searches with the grams as long as
// nothing is pending and walks the automaton from where they find something.
func (w *Writer) scan() {
	for w.pos < len(w.buf) {
		until := w.pos
		if w.raw == 0 && !w.forked {
			w.pos, until = w.search(w.pos)
		}
		w.walk(until)
	}
}

// search returns from where the automaton must look, and up to which position
// all must be decided before searching may go on.
func (w *Writer) search(lo int) (from, until int) {
	special := -1
	for {
		if special < lo {
			special = w.nextSpecial(lo)
		}
		from, until, found := w.a.gram.search(w.buf, lo, special)
		if found || special == len(w.buf) {
			return min(from, len(w.buf)), until
		}
		// No pattern outlives the end of a line, unless one has a newline after
		// the same bytes, and what is before it is too short for one: the usual
		// CRLF is passed over without a walk.
		crlf := w.buf[special] == '\r' && special+1 < len(w.buf) && w.buf[special+1] == '\n'
		if !crlf || w.a.lineEnds.goesOn(w.buf, lo, special) {
			return min(from, special), special
		}
		lo = special + 2
		if lo >= len(w.buf) {
			return len(w.buf), until
		}
	}
}

// nextSpecial returns the position of the first carriage return or escape at
// or after lo, or the end.
func (w *Writer) nextSpecial(lo int) int {
	for _, cached := range []*int{&w.nextCR, &w.nextESC} {
		if *cached >= lo {
			continue
		}
		b := byte('\r')
		if cached == &w.nextESC {
			b = esc
		}
		*cached = len(w.buf)
		if i := bytes.IndexByte(w.buf[lo:], b); i >= 0 {
			*cached = lo + i
		}
	}
	return min(w.nextCR, w.nextESC)
}

// walk runs the automaton from pos until everything that begins at or before
// until is decided and only a few bytes are pending, or to the end.
func (w *Writer) walk(until int) {
	for w.pos < len(w.buf) {
		if b := w.buf[w.pos]; !w.forked && b != '\r' && b != esc {
			if until = w.walkPlain(until); until < 0 {
				return
			}
			continue
		}
		w.step(w.buf[w.pos])
		if depth := int(w.a.nodes[w.raw].depth); !w.forked && depth <= shallow && w.pos-depth > until {
			w.raw = 0
			w.pos -= depth
			return
		}
	}
}

// walkPlain walks up to an unseen byte or the end and returns what until has
// become, or -1 when searching may go on at pos. In here both views are one.
func (w *Writer) walkPlain(until int) int {
	a, buf, n, pos := w.a, w.buf, w.raw, w.pos
	for pos < len(buf) {
		b := buf[pos]
		if b == '\r' || b == esc {
			break
		}
		if a.nodes[n].run > 0 && a.labels[n] == b {
			// A run never goes over an unseen byte, since no pattern has one.
			steps := a.follow(n, buf[pos:])
			n += uint32(steps)
			pos += steps
		} else {
			n = a.next(n, b)
			pos++
		}
		at := &a.nodes[n]
		if at.flags&endsPattern != 0 {
			w.hit(pos-int(a.out[n]), pos)
			n = a.rest(n)
			at = &a.nodes[n]
		}
		if depth := int(at.depth); depth <= shallow && pos-depth > until {
			// Where the very next window is known, searching would only come
			// back with it.
			if until = pos - depth + a.gram.stride - 1; !a.gram.known(buf, until) {
				w.raw, w.pos = 0, pos-depth
				return -1
			}
		}
	}
	w.raw, w.pos = n, pos
	return until
}

// step advances both views of the stream by one byte: raw, which takes every
// byte for text, and seen, which skips what a terminal does not show. They
// part at the first unseen byte and join when they have come to the same
// state. A match of either counts.
func (w *Writer) step(b byte) {
	a := w.a
	unseen := w.escape.feed(b)
	if unseen && !w.forked {
		w.forked, w.seen = true, w.raw
		w.start = w.pos - int(a.nodes[w.raw].depth)
		w.gaps = w.gaps[:0]
	}
	w.raw = a.next(w.raw, b)
	w.pos++
	if n := a.out[w.raw]; n != 0 {
		w.hit(w.pos-int(n), w.pos)
		w.raw = a.rest(w.raw)
	}
	if !w.forked {
		return
	}
	if unseen {
		w.skip()
	} else {
		w.stepSeen(b)
	}
	if w.pos-w.start-int(a.nodes[w.seen].depth) > maxUnseen {
		w.seen = 0
		w.start = w.pos
		w.gaps = w.gaps[:0]
	}
	if w.escape == escapeNone && len(w.gaps) == 0 && w.seen == w.raw {
		w.forked = false
	}
}

// skip notes that the byte before pos is unseen.
func (w *Writer) skip() {
	switch last := len(w.gaps) - 1; {
	case w.a.nodes[w.seen].depth == 0:
		w.start = w.pos
	case last >= 0 && w.gaps[last].end == w.pos-1:
		w.gaps[last].end = w.pos
	default:
		w.gaps = append(w.gaps, span{w.pos - 1, w.pos})
	}
}

// stepSeen advances the seen view by a byte that is seen.
func (w *Writer) stepSeen(b byte) {
	a := w.a
	before := int(a.nodes[w.seen].depth)
	w.seen = a.next(w.seen, b)
	depth := int(a.nodes[w.seen].depth)
	w.drop(before + 1 - depth)
	if n := int(a.out[w.seen]); n != 0 {
		start, _ := w.forward(depth - n)
		w.hit(start, w.pos)
		w.seen = a.rest(w.seen)
		w.drop(depth - int(a.nodes[w.seen].depth))
	}
}

// drop lets go of the first n seen bytes that are pending.
func (w *Writer) drop(n int) {
	var passed int
	w.start, passed = w.forward(n)
	w.gaps = append(w.gaps[:0], w.gaps[passed:]...)
}

// forward returns the position n seen bytes after start, and how many gaps lie
// before it. A gap at that very position lies before it.
func (w *Writer) forward(n int) (at, passed int) {
	at = w.start
	for ; passed < len(w.gaps); passed++ {
		gap := w.gaps[passed]
		if room := gap.start - at; n < room {
			break
		} else {
			n -= room
		}
		at = gap.end
	}
	return at + n, passed
}

// hit notes a match that ends at pos, and joins it with those that it covers,
// overlaps or touches.
func (w *Writer) hit(start, end int) {
	n := len(w.hits)
	for n > 0 && w.hits[n-1].start >= start {
		n--
	}
	w.hits = w.hits[:n]
	if n > 0 && w.hits[n-1].end >= start {
		w.hits[n-1].end = max(w.hits[n-1].end, end)
		return
	}
	w.hits = append(w.hits, span{start, end})
}
