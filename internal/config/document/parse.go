// SPDX-License-Identifier: MPL-2.0

package document

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits bound a document. Zero fields mean the defaults.
type Limits struct {
	Bytes    int // of the text; 1 MiB
	Nodes    int // written in the text, comments included; 25,000
	Words    int // of the text, between blanks and line breaks; 160,000
	Lines    int // of the text; 40,000
	Depth    int // of nesting; 100
	Expanded int // nodes after aliases are resolved; 250,000
	// ExpandedBytes is the text after aliases are resolved; 16 MiB.
	ExpandedBytes int
	// Name is what messages call the text; "config".
	Name string
}

// withDefaults fills in zero fields.
//
// The library takes a good microsecond per node, so that 25,000 of them keep the
// worst file below 50 ms; a config of 500 jobs, all written out, has 12,000. It
// takes longest for lines with next to nothing in them. A word of a text that is
// no block costs it as much as twenty characters; a script of 1 MiB has some
// 150,000.
func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Bytes, 1<<20)
	set(&l.Nodes, 25_000)
	set(&l.Words, 160_000)
	set(&l.Lines, 40_000)
	set(&l.Depth, 100)
	set(&l.Expanded, 250_000)
	set(&l.ExpandedBytes, 16<<20)
	if l.Name == "" {
		l.Name = "config"
	}
	return l
}

// Error is a text that is no document, or one beyond the limits. Line and
// Column are 0 where the parser does not tell.
type Error struct {
	Message      string
	Suggestion   string
	Line, Column int
	Also         []*Error // further ones of the same text
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Parse reads the one document of a text. The error is always an *Error.
func Parse(text string, limits Limits) (*Node, error) {
	limits = limits.withDefaults()
	if err := scan(text, limits); err != nil {
		return nil, err
	}
	root, err := decode(text, limits)
	if err != nil {
		return nil, err
	}
	if root == nil || len(root.Content) == 0 {
		return &Node{Kind: Null, Line: 1, Column: 1}, nil
	}
	r := resolver{limits: limits, anchors: map[*yaml.Node]*Node{}}
	n, err := r.convert(root.Content[0], 1)
	if err != nil {
		return nil, err
	}
	if len(r.repeated) > 0 {
		first := r.repeated[0]
		first.Also = r.repeated[1:]
		return nil, first
	}
	return n, nil
}

// decode runs the library, which panics on some malformed inputs in its
// history and is therefore fenced in.
func decode(text string, limits Limits) (root *yaml.Node, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			root, err = nil, &Error{Message: fmt.Sprintf("Unable to parse YAML\n%v", caught)}
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	root = &yaml.Node{}
	if err := decoder.Decode(root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, parseError(err, text, limits)
	}
	// Looking for a second document costs a parse of the rest; only a text with
	// a document marker can have one.
	if strings.Contains(text, "\n---") || strings.Contains(text, "\n...") {
		var second yaml.Node
		switch err := decoder.Decode(&second); {
		case errors.Is(err, io.EOF):
		case err != nil:
			return nil, parseError(err, text, limits)
		case len(second.Content) > 0 && second.Content[0].Tag != "!!null":
			return nil, &Error{
				Message:    "Unable to parse YAML\nexpected a single document in the stream, but found another one",
				Suggestion: "remove the line \"---\" and what follows it",
				Line:       second.Content[0].Line, Column: second.Content[0].Column,
			}
		}
	}
	return root, nil
}

// scan refuses in one pass over the bytes what would be too much for the
// library: its own limits are far higher than a config needs.
func scan(text string, limits Limits) error {
	if len(text) > limits.Bytes {
		return &Error{
			Message:    fmt.Sprintf("The %s is %d bytes long; the limit is %d", limits.Name, len(text), limits.Bytes),
			Suggestion: "move long scripts into files of the repository and run those",
		}
	}
	if !utf8.ValidString(text) {
		line, column := position(text, invalidUTF8(text))
		return &Error{Message: "Unable to parse YAML\nthe text is not valid UTF-8", Suggestion: "save the file as UTF-8", Line: line, Column: column}
	}
	if strings.Count(text, "\n") >= limits.Lines {
		return &Error{
			Message:    fmt.Sprintf("The %s has more than %d lines; that is the limit", limits.Name, limits.Lines),
			Suggestion: "move long scripts into files of the repository and run those",
		}
	}
	values, words := count(text)
	switch {
	case values > limits.Nodes:
		return &Error{
			Message:    fmt.Sprintf("The %s has more than %d values and comments; that is the limit", limits.Name, limits.Nodes),
			Suggestion: "split it, or generate less",
		}
	case words > limits.Words:
		return &Error{
			Message:    fmt.Sprintf("The %s has more than %d words; that is the limit", limits.Name, limits.Words),
			Suggestion: "move long scripts into files of the repository and run those",
		}
	}
	return nil
}

// Values is at least the number of a text's nodes less one: every node but the
// first needs one of these marks beside it, and a key and its value share one.
// That text in scripts holds them too makes it an upper bound. Comments count as
// well, a tag as one and an anchor as two: the library takes as long for them.
func Values(text string) int {
	values, _ := count(text)
	return values
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

// count returns the Values of a text and its words.
func count(text string) (values, words int) {
	within := false // a word
	for i := 0; i < len(text); i++ {
		class := classes[text[i]]
		if class == blank {
			within = false
			continue
		}
		if !within {
			within = true
			words++
		}
		if class == mark {
			values += weight(text, i)
		}
	}
	return values, words
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

// invalidUTF8 returns the first byte of a text that begins no character.
func invalidUTF8(text string) int {
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
			return i
		}
	}
	return len(text)
}
