// SPDX-License-Identifier: MPL-2.0

package document

import (
	"fmt"
	"strings"
)

// Size is what a text may cost, told without reading it.
type Size struct {
	Bytes int
	// Values are at least its nodes less one: every node but the first needs one
	// of some marks beside it, and a key and its value share one. That text in
	// scripts holds them too makes it an upper bound. Comments count as well, a
	// tag as one and an anchor as two: the library takes as long for them.
	Values int
	Words  int // between blanks and line breaks
	Lines  int
}

// Plus is the size of two texts together.
func (s Size) Plus(other Size) Size {
	return Size{s.Bytes + other.Bytes, s.Values + other.Values, s.Words + other.Words, s.Lines + other.Lines}
}

// Limits bound a document. Zero fields mean the defaults.
type Limits struct {
	Size         // 768 KiB, 25,000 values, 120,000 words, 24,000 lines
	Depth    int // of nesting; 100
	Expanded int // nodes after aliases are resolved; 250,000
	// ExpandedBytes is the text after aliases are resolved; 16 MiB.
	ExpandedBytes int
	// Name is what messages call the text; "config".
	Name string
}

// defaultSize keeps the worst text below 50 ms: the library takes
// some 40 ns for a byte, a good microsecond for a value, as much for a line with next to nothing in it, and for
// a word of a text that is no block as much as for twenty characters. A config of
// 500 jobs, all written out, has 12,000 values on 5,000 lines; scripts have some
// 15,000 words in 100 KiB.
var defaultSize = Size{Bytes: 768 << 10, Values: 25_000, Words: 120_000, Lines: 24_000}

// LimitsFor returns the default limits for texts of so many bytes, zero meaning
// the default: who lets a config be four times as long lets it have four times as
// many values.
func LimitsFor(bytes int) Limits {
	if bytes == 0 {
		bytes = defaultSize.Bytes
	}
	times := max(1, bytes/defaultSize.Bytes)
	return Limits{Size: Size{bytes, times * defaultSize.Values, times * defaultSize.Words, times * defaultSize.Lines}}.withDefaults()
}

// withDefaults fills in zero fields.
func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Bytes, defaultSize.Bytes)
	set(&l.Values, defaultSize.Values)
	set(&l.Words, defaultSize.Words)
	set(&l.Lines, defaultSize.Lines)
	set(&l.Depth, 100)
	set(&l.Expanded, 250_000)
	set(&l.ExpandedBytes, 16<<20)
	if l.Name == "" {
		l.Name = "config"
	}
	return l
}

// Beyond returns the limit that a size is above, with its unit, "" when it is
// above none, and what may help.
func (l Limits) Beyond(s Size) (limit, suggestion string) {
	const scripts = "move long scripts into files of the repository and run those"
	switch {
	case s.Bytes > l.Bytes:
		return fmt.Sprintf("%d bytes", l.Bytes), scripts
	case s.Lines > l.Lines:
		return fmt.Sprintf("%d lines", l.Lines), scripts
	case s.Values > l.Values:
		return fmt.Sprintf("%d values and comments", l.Values), "split it, or generate less"
	case s.Words > l.Words:
		return fmt.Sprintf("%d words", l.Words), scripts
	}
	return "", ""
}

// refuse returns the error for a text of a size, nil when it is within the limits.
func (l Limits) refuse(s Size) error {
	limit, suggestion := l.Beyond(s)
	if limit == "" {
		return nil
	}
	return &Error{Message: fmt.Sprintf("The %s has more than %s; that is the limit", l.Name, limit), Suggestion: suggestion}
}

// The characters that count has to look at.
const (
	ordinary = iota
	blank
	mark
)

var classes = func() (table [256]uint8) {
	for _, c := range []byte(" \t\r\n") {
		table[c] = blank
	}
	for _, c := range []byte(",[{:-?#&!") {
		table[c] = mark
	}
	return table
}()

// Measure counts a text in one pass over its bytes.
func Measure(text string) Size {
	s := Size{Bytes: len(text), Lines: strings.Count(text, "\n") + 1}
	within := false // a word
	for i := 0; i < len(text); i++ {
		class := classes[text[i]]
		if class == blank {
			within = false
			continue
		}
		if !within {
			within = true
			s.Words++
		}
		if class == mark {
			s.Values += weight(text, i)
		}
	}
	return s
}

// weight returns how many values the mark at a place of a text may begin.
func weight(text string, at int) int {
	next, before := byte(' '), byte(' ')
	if at+1 < len(text) {
		next = text[at+1]
	}
	if at > 0 {
		before = text[at-1]
	}
	switch c := text[at]; {
	case c == ',' || c == '[' || c == '{':
		return 1
	case c == ':' && (strings.IndexByte(" \n\r\t,[]{}", next) >= 0 || before == '"' || before == '\''):
		return 2
	case (c == '-' || c == '?') && next <= ' ':
		return 1
	case c == '#' && before <= ' ':
		return 1
	case c == '&' && next > ' ' && next != '&':
		return 2
	case c == '!' && next > ' ' && (before <= ' ' || strings.IndexByte(",[{", before) >= 0):
		return 1
	}
	return 0
}
