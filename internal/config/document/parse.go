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
	if err := limits.refuse(Size{Bytes: len(text)}); err != nil {
		return err
	}
	if !utf8.ValidString(text) {
		line, column := position(text, invalidUTF8(text))
		return &Error{Message: "Unable to parse YAML\nthe text is not valid UTF-8", Suggestion: "save the file as UTF-8", Line: line, Column: column}
	}
	if err := limits.refuse(Measure(text)); err != nil {
		return err
	}
	return nil
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
