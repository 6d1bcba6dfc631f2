// SPDX-License-Identifier: MPL-2.0

package document

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestMistakesOfYAML: what people get wrong in YAML is shown where it stands,
// with a way out.
func TestMistakesOfYAML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, place, message, way string }{
		{"a:\n  b: 1\n\tc: 2\n", "3:1", "found a tab character", "a tab stands here"},
		{"a: |\n\ttab\n", "2:1", "found a tab character", "a tab stands here"},
		{"a:\n  b:\n  \t- c\n", "3:3", "cannot start any token", "a tab stands here"},
		{"a: 1\njobs:\n  x: y\n z: 1\nb: 2\n", "4:2", "did not find expected key", "check the indentation"},
		{"a:\n  - run: a\n   - run: b\n  - run: c\n", "3:4", "did not find expected '-' indicator", "begin with -"},
		{"a:\n  - run: a\n - run: b\nc: d\n", "3:2", "did not find expected", "check the indentation"},
		{"a:\n  b:\n    - c\n    d: e\nf: g\n", "4:5", "did not find expected '-' indicator", "begin with - in the same column"},
		{"a: b: c\n", "1:5", "mapping values are not allowed", "put quotes"},
		{"x: y\na: run: make\n", "2:7", "mapping values are not allowed", "put quotes"},
		{"x: y\na: [1, 2\nb: 3\n", "2:1", "did not find expected ',' or ']'", "close the bracket"},
		{"x: y\na: 'x\nb: 1\n", "2:1", "found unexpected end of stream", "close the quote"},
		{"a: \"x\nb: 1\n", "1:1", "found unexpected end of stream", "close the quote"},
		{"x: y\na: \"\\q\"\n", "2:1", "unknown escape", "a backslash is written"},
		{"x: y\na: *nope\n", "2:4", "unknown anchor 'nope'", "&nope"},
		{"x: y\nbranches: *.x\n", "2:1", "alphabetic or numeric", "put quotes"},
		{"a: !include x\n", "1:4", "could not determine a constructor for the tag !include", "put quotes"},
		{"x: y\na: @x\n", "2:1", "cannot start any token", "put quotes"},
		{"x: y\na: b\x00\n", "2:5", "control characters", "remove the character"},
		{"x: y\na: b\xff\n", "2:5", "not valid UTF-8", "save the file as UTF-8"},
		{"\xff\xfea\x00", "1:1", "not valid UTF-8", "save the file as UTF-8"},
		{"a: 1\n--- \nb: 2\n", "3:1", "single document", "---"},
		{"a: &x\n  <<: *x\n", "2:7", "stands inside the value", "cannot contain itself"},
		{"a: 1\r\nb: 1\r\na: 2\r\n", "3:1", "found duplicate key a", "rename"},
		{"\ufeffa: 1\na: 2\n", "2:1", "found duplicate key a", "rename"},
	} {
		_, err := Parse(c.text, Limits{})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: got no error", c.text)
			continue
		}
		if got := fmt.Sprintf("%d:%d", e.Line, e.Column); got != c.place || !strings.Contains(e.Message, c.message) || !strings.Contains(e.Suggestion, c.way) {
			t.Errorf("%q: got %s %q (%s), want %s %q (%s)", c.text, got, e.Message, e.Suggestion, c.place, c.message, c.way)
		}
	}
}

// TestTextsThatAreFine: what is odd and legal is read.
func TestTextsThatAreFine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\ufeffa: 1\n":                         "1",
		"a: 1\r\nb: 2\r\n":                     "1",
		"---\na: 1\n...\n":                     "1",
		"%YAML 1.1\n---\na: 1\n":               "1",
		"a: 1\n---\n":                          "1",
		"a: !!str 5\n":                         "5",
		"a: ! 5\n":                             "5",
		"a: >-\n x\n y\n":                      "x y",
		"? a\n: 1\n":                           "1",
		"{a: 1}":                               "1",
		"<<: {a: 1}\n<<: {b: 2}\n":             "1",
		"x: &x {a: 1}\n<<: [*x, {a: 2}]\n":     "1",
		"x: &x {a: 1}\ny: &y {<<: *x}\n<<: *y": "1",
		"a: " + strings.Repeat("x", 1<<19):     strings.Repeat("x", 1<<19),
	} {
		n, err := Parse(text, Limits{})
		if err != nil {
			t.Errorf("%.40q: %v", text, err)
		} else if got := n.Get("a"); got == nil || got.Text != want {
			t.Errorf("%.40q: got %+v", text, got)
		}
	}
}

func TestExcerptBeyondALine(t *testing.T) {
	t.Parallel()
	lines := NewLines("short\n" + strings.Repeat("y", 500) + "end\r\n")
	for _, c := range []struct {
		line, column int
		want         string
	}{
		{1, 900, "    1 | short\n      |      ^"},
		{1, 0, "    1 | short\n      | ^"},
		{2, 502, "    2 | " + strings.Repeat("y", 58) + "end\n      | " + strings.Repeat(" ", 59) + "^"},
		{9, 1, ""},
	} {
		if got := lines.Excerpt(c.line, c.column); got != c.want {
			t.Errorf("%d:%d: got\n%s\nwant\n%s", c.line, c.column, got, c.want)
		}
	}
}
