// SPDX-License-Identifier: MPL-2.0

package junit

import "bytes"

// open reads a start tag behind its "<".
func (s *scanner) open() token {
	s.readName()
	tag := len(s.arena)
	s.places, s.empty = s.places[:0], false
	for s.attribute() {
	}
	s.name = s.arena[:tag]
	s.attrs = s.attrs[:0]
	for _, p := range s.places {
		s.attrs = append(s.attrs, attribute{name: s.arena[p.name:p.equals], value: s.arena[p.equals:p.end]})
	}
	return tokenOpen
}

// readName reads a tag's name into the arena, which begins anew.
func (s *scanner) readName() {
	s.arena = s.arena[:0]
	s.appendName()
	s.name = s.arena
}

// appendName adds a name to the arena. What is too long is cut.
func (s *scanner) appendName() {
	begin := len(s.arena)
	for s.pos < s.end || s.fill() {
		n := 0
		for have := s.buf[s.pos:s.end]; n < len(have) && isName(have[n]); {
			n++
		}
		room := max(0, begin+maxTag-len(s.arena))
		s.arena = append(s.arena, s.buf[s.pos:s.pos+min(n, room)]...)
		s.pos += n
		if s.pos < s.end {
			return
		}
	}
}

// attribute reads one more of a start tag, and is false at the tag's end.
func (s *scanner) attribute() bool {
	c, ok := s.solid()
	switch {
	case !ok:
		return false
	case c == '>':
		s.pos++
		return false
	case c == '/':
		s.pos++
		if next := s.ahead(1); len(next) == 1 && next[0] == '>' {
			s.pos++
			s.empty = true
			return false
		}
		return true
	case c == '<': // the tag was never closed
		return false
	case !isName(c):
		s.pos++
		return true
	}
	begin := len(s.arena)
	s.appendName()
	equals := len(s.arena)
	if c, ok := s.solid(); !ok || c != '=' {
		s.arena = s.arena[:begin]
		return ok
	}
	s.pos++
	s.quoted()
	if len(s.places) < maxAttrs {
		s.places = append(s.places, place{begin, equals, len(s.arena)})
	} else {
		s.arena = s.arena[:begin]
	}
	return true
}

// quoted adds an attribute's value to the arena, without entities and cut where
// it is too long.
func (s *scanner) quoted() {
	quote, ok := s.solid()
	if !ok || quote != '"' && quote != '\'' {
		return
	}
	s.pos++
	begin := len(s.arena)
	for s.pos < s.end || s.fill() {
		have := s.buf[s.pos:s.end]
		n := bytes.IndexByte(have, quote)
		closed := n >= 0
		if !closed {
			n = len(have)
		}
		// A little more than is kept, so that no entity is cut in its middle.
		room := max(0, begin+s.value+maxEntity-len(s.arena))
		s.arena = append(s.arena, have[:min(n, room)]...)
		s.pos += n
		if closed {
			s.pos++
			break
		}
	}
	s.arena = s.arena[:begin+len(unescape(s.arena[begin:]))]
}

// solid returns the next byte that is no space, without going behind it.
func (s *scanner) solid() (byte, bool) {
	for s.pos < s.end || s.fill() {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c, true
		}
	}
	return 0, false
}

// isName tells what can be part of a tag's name. Bytes of other scripts can.
func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == ':' || c == '.' || c >= 0x80
}
