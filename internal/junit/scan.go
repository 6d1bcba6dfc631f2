// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bytes"
	"errors"
	"io"
)

// token is what a scanner has found.
type token int

const (
	tokenEnd   token = iota // of the file
	tokenOpen               // a start tag: name and attributes
	tokenClose              // an end tag: name
	tokenText               // some of the text between tags
)

// scanner finds tags and text in a stream that should be XML. It checks nothing
// that its user does not need: what is no tag is text, and comments, processing
// instructions and document types are passed over unread.
type scanner struct {
	r     io.Reader
	err   error // of r, once it has ended
	buf   []byte
	pos   int // of the next byte
	end   int // of what was read
	value int // the most bytes of an attribute's value

	name   []byte // of the tag; holds until the next token, like what follows
	attrs  []attribute
	empty  bool // the start tag is its end tag as well
	text   []byte
	cdata  bool // text is as it is, without entities
	arena  []byte
	places []place
}

// attribute is one of a start tag, its value without entities.
type attribute struct{ name, value []byte }

// place is an attribute in the arena, which moves while it grows.
type place struct{ name, equals, end int }

const (
	window   = 64 << 10
	maxAttrs = 64
	maxTag   = 256 // bytes of a tag's or an attribute's name
)

func newScanner(r io.Reader, value int) *scanner {
	return &scanner{r: r, buf: make([]byte, window), value: value}
}

// fill reads more behind what is there and tells whether there is more.
func (s *scanner) fill() bool {
	if s.pos > 0 {
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	for tries := 0; s.err == nil && s.end < len(s.buf); tries++ {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		s.err = err
		if n > 0 {
			return true
		}
		if err == nil && tries > 100 {
			s.err = io.ErrNoProgress
		}
	}
	return false
}

// ahead makes n bytes available, if the file has as many.
func (s *scanner) ahead(n int) []byte {
	for s.end-s.pos < n && s.fill() {
	}
	return s.buf[s.pos:min(s.pos+n, s.end)]
}

// failure is what ended the reading, if not the end of the file.
func (s *scanner) failure() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// next finds the next token. An error of the reader stands for the end.
func (s *scanner) next() token {
	for {
		if s.cdata {
			if t := s.nextCDATA(); t != tokenEnd {
				return t
			}
			continue
		}
		head := s.ahead(2)
		switch {
		case len(head) == 0:
			return tokenEnd
		case head[0] != '<':
			return s.nextText()
		case len(head) == 1:
			s.pos = s.end
			return tokenEnd
		case head[1] == '/':
			s.pos += 2
			s.readName()
			s.past('>')
			return tokenClose
		case head[1] == '!':
			s.declaration()
		case head[1] == '?':
			s.pos += 2
			s.pastMark("?>")
		case isName(head[1]):
			s.pos++
			return s.open()
		default: // a lone "<"
			s.text = s.buf[s.pos : s.pos+1]
			s.pos++
			return tokenText
		}
	}
}

// nextText returns text up to the next tag, or a piece of it that does not end
// within an entity.
func (s *scanner) nextText() token {
	have := s.buf[s.pos:s.end]
	n := bytes.IndexByte(have, '<')
	if n < 0 {
		n = len(have)
		if amp := bytes.LastIndexByte(have[max(0, n-maxEntity):], '&'); amp >= 0 {
			amp += max(0, n-maxEntity)
			if amp == 0 && s.fill() {
				return s.nextText()
			}
			if amp > 0 {
				n = amp
			}
		}
	}
	s.text = s.buf[s.pos : s.pos+n]
	s.pos += n
	return tokenText
}

// nextCDATA returns a piece of a CDATA section, or tokenEnd behind it.
func (s *scanner) nextCDATA() token {
	have := s.ahead(3)
	if len(have) < 3 || string(have) == "]]>" {
		s.pos += len(have)
		s.cdata = false
		return tokenEnd
	}
	have = s.buf[s.pos:s.end]
	n := bytes.Index(have, []byte("]]>"))
	if n < 0 {
		n = len(have) - 2
	}
	s.text = have[:n]
	s.pos += n
	return tokenText
}

// declaration passes over a comment or a document type, and begins a section of
// CDATA.
func (s *scanner) declaration() {
	head := s.ahead(len("<![CDATA["))
	switch {
	case bytes.HasPrefix(head, []byte("<!--")):
		s.pos += len("<!--")
		s.pastMark("-->")
	case string(head) == "<![CDATA[":
		s.pos += len(head)
		s.cdata = true
	default:
		s.pos += 2
		s.documentType()
	}
}

// documentType passes over what follows "<!", its declarations in brackets
// included.
func (s *scanner) documentType() {
	depth := 0
	for {
		c, ok := s.byte()
		switch {
		case !ok:
			return
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '"' || c == '\'':
			s.past(c)
		case c == '>' && depth <= 0:
			return
		}
	}
}

func (s *scanner) byte() (byte, bool) {
	if s.pos == s.end && !s.fill() {
		return 0, false
	}
	s.pos++
	return s.buf[s.pos-1], true
}

// past goes behind the next byte c.
func (s *scanner) past(c byte) {
	for s.pos < s.end || s.fill() {
		if n := bytes.IndexByte(s.buf[s.pos:s.end], c); n >= 0 {
			s.pos += n + 1
			return
		}
		s.pos = s.end
	}
}

// pastMark goes behind the next mark, which is two or three bytes.
func (s *scanner) pastMark(mark string) {
	for {
		if n := bytes.Index(s.buf[s.pos:s.end], []byte(mark)); n >= 0 {
			s.pos += n + len(mark)
			return
		}
		s.pos = max(s.pos, s.end-len(mark)+1)
		if !s.fill() {
			s.pos = s.end
			return
		}
	}
}
