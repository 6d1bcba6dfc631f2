// SPDX-License-Identifier: MPL-2.0

package document

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

var (
	errorLine     = regexp.MustCompile(`^line (\d+): `)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '([^']*)' referenced`)
)

// ways out of what the library says, by a part of its text.
var ways = []struct{ part, way string }{
	{"cannot start any token", "put quotes around text that begins with @, ` or %"},
	{"mapping values are not allowed", "check the indentation here, and put quotes around text that holds \": \""},
	{"did not find expected key", "check the indentation here and in the line above: the keys of one mapping begin in the same column"},
	{"did not find expected '-' indicator", "check the indentation here: the items of a list begin with - in the same column"},
	{"could not find expected ':'", "check this line and the one above: one of them is neither key: value nor an item of a list"},
	{"found unexpected end of stream", "close the quote or the bracket that is open at the end of the file"},
	{"did not find expected ',' or", "close the bracket, and put a comma between its values"},
	{"did not find expected node content", "check the brackets here, and put quotes around text that begins with ], } or a comma"},
	{"found undefined tag handle", "put quotes around text that begins with !"},
	{"unknown escape character", "in double quotes a backslash is written \\\\; single quotes take it as it is"},
	{"control characters are not allowed", "remove the character; the file must be text"},
	{"did not find expected alphabetic or numeric character", "put quotes around text that begins with * or &"},
	{"block sequence entries are not allowed", "begin the list on a line of its own"},
	{"did not find expected hexdecimal number", "write the character itself, or \\u and four digits"},
}

// How many nodes and bytes a text may have that is parsed again to find out
// where its mistake is.
const (
	maxLocated      = 6_000
	maxLocatedBytes = 128 << 10
)

// parseError says in which line and column the library failed, and what to do.
func parseError(err error, source string, limits Limits) *Error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.Contains(text, "exceeded max depth") { // which is far beyond ours
		return tooDeep(limits, 1, 1)
	}
	reported := 0
	if m := errorLine.FindStringSubmatch(text); m != nil {
		reported, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	e := &Error{Message: "Unable to parse YAML\n" + text}
	for _, w := range ways {
		if strings.Contains(text, w.part) {
			e.Suggestion = w.way
			break
		}
	}
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		if at := strings.Index(source, "*"+m[1]); at >= 0 {
			e.Line, e.Column = position(source, at)
		}
		e.Suggestion = "write &" + m[1] + " before the value that it repeats, further up; put quotes around text that begins with *"
		return e
	}
	if strings.Contains(text, "control characters") {
		if at := strings.IndexFunc(source, forbidden); at >= 0 {
			e.Line, e.Column = position(source, at)
			return e
		}
	}
	lines := splitLines(source)
	e.Line = min(mistakenLine(source, text, reported), len(lines))
	e.placeIn(lines[e.Line-1])
	return e
}

// mistakenLine corrects the line that the library reports. It tells the first
// line by no number at all, counts the lines of some errors from 0, and for
// others gives the beginning of the whole mapping, far above the mistake.
func mistakenLine(source, message string, reported int) int {
	switch {
	case reported == 0:
		return 1
	case strings.Contains(message, "unexpected end of stream"):
		if reported > strings.Count(strings.TrimSuffix(source, "\n"), "\n")+1 {
			return 1
		}
		return reported
	case strings.Contains(message, "',' or"):
		return reported + 1
	case Measure(source).Values > maxLocated || len(source) > maxLocatedBytes:
		return reported
	}
	lines := strings.SplitAfter(source, "\n")
	fails := func(count int) bool {
		var n yaml.Node
		err := yaml.Unmarshal([]byte(strings.Join(lines[:count], "")), &n)
		return err != nil && strings.HasSuffix(err.Error(), message)
	}
	r := &lineReader{lines: lines}
	var n yaml.Node
	_ = yaml.NewDecoder(r).Decode(&n)
	at := r.next
	for back := 0; back < 4 && at > 1 && fails(at-1); back++ {
		at--
	}
	return max(at, 1)
}

// lineReader hands out one line a time, so that it knows how far its reader
// came.
type lineReader struct {
	lines []string
	next  int
	rest  string
}

// Read implements io.Reader.
func (r *lineReader) Read(to []byte) (int, error) {
	for r.rest == "" {
		if r.next == len(r.lines) {
			return 0, io.EOF
		}
		r.rest = r.lines[r.next]
		r.next++
	}
	n := copy(to, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// placeIn sets the column to a tab in the line's indentation, which is the usual
// reason, or to its first character.
func (e *Error) placeIn(line string) {
	text := strings.TrimLeft(line, " ")
	if strings.HasPrefix(text, "\t") {
		e.Suggestion = "indent with spaces: a tab stands here"
	}
	e.Column = len(line) - len(text) + 1
	if at := strings.LastIndex(line, ": "); at >= 0 && strings.Contains(e.Message, "mapping values are not allowed") {
		e.Column = len([]rune(line[:at])) + 1
	}
}

// forbidden tells whether a character may not stand in YAML.
func forbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 && r != 0x85
}

// position returns the line and column of a byte of a text.
func position(source string, at int) (line, column int) {
	before := source[:at]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}
