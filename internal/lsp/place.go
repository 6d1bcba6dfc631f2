// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/language"
)

// place is what stands under the cursor.
type place struct {
	path []string // from the top; of a key, with the key
	node *document.Node
	key  bool // the cursor is in the name of a key
}

// find walks down to what stands at a line and a column, both from 1.
func find(root *document.Node, line, column int) place {
	p := place{node: root}
	for p.node != nil && !p.node.IsScalar() {
		next, label, key := inside(p.node, line, column)
		if next == nil {
			return p
		}
		p.path, p.node, p.key = append(p.path, label), next, key
		if key {
			return p
		}
	}
	return p
}

// inside returns the child of n that begins last before the place.
func inside(n *document.Node, line, column int) (child *document.Node, label string, key bool) {
	begins := func(l, c int) bool { return l < line || l == line && c <= column }
	most := [2]int{}
	for i, item := range n.Items {
		at := [2]int{item.Line, item.Column}
		if n.Kind == document.Map {
			at = [2]int{n.Keys[i].Line, n.Keys[i].Column}
		}
		if !begins(at[0], at[1]) || slices.Compare(at[:], most[:]) < 0 {
			continue
		}
		most, child, label, key = at, item, strconv.Itoa(i), false
		if n.Kind == document.Map {
			label = n.Keys[i].Text
			key = at[0] == line && column <= at[1]+len([]rune(label))
		}
	}
	return child, label, key
}

// takes tells whether a mapping may stand at a path.
func takes(path []string, mapping string) bool {
	return slices.ContainsFunc(language.At(path), func(t language.Type) bool { return t.Mapping == mapping })
}

// module returns the path of the orb in whose text a path leads, of the config
// itself where it leads into none, and the rest of the path.
func module(path []string) (outer, rest []string) {
	for len(path) >= 3 && path[0] == "orbs" {
		outer, path = append(outer, path[:2]...), path[2:]
	}
	return outer, path
}

var keyLine = regexp.MustCompile(`^(\s*(?:- +)*)([^\s#'"\[{][^#'"\[{]*?)\s*:(?:\s.*)?$`)

// typed tells what is being written at the cursor, by indentation alone: the
// text may not be one that can be parsed. The path is that of the mapping or
// list item which the word would be part of; value says that it stands behind a
// key, whose path is then meant.
func (t *text) typed(at position) (path []string, value bool) {
	line := t.before(at)
	indent := len(line) - len(strings.TrimLeft(line, " "))
	word := line[indent:]
	var inner []string
	for strings.HasPrefix(word, "- ") || word == "-" {
		inner = append(inner, "0")
		rest := strings.TrimLeft(strings.TrimPrefix(word, "-"), " ")
		indent += len(word) - len(rest)
		word = rest
	}
	if key, rest, ok := strings.Cut(word, ":"); ok {
		inner, value = append(inner, key), true
		if strings.HasPrefix(strings.TrimSpace(rest), "[") {
			inner = append(inner, "0")
		}
	}
	first := len(line) - len(strings.TrimLeft(line, " "))
	return append(t.above(at.Line, first, strings.HasPrefix(line[first:], "-")), inner...), value
}

// above returns the path of what the line of an indentation stands in. Items of
// a list may stand as far left as the list's key.
func (t *text) above(line, indent int, item bool) []string {
	var path []string
	for i := min(line, len(t.lines)) - 1; i >= 0 && (indent > 0 || item); i-- {
		m := keyLine.FindStringSubmatch(t.lines[i])
		if m == nil {
			continue
		}
		dashes, column := m[1], len(m[1])
		first := len(dashes) - len(strings.TrimLeft(dashes, " "))
		switch {
		case column < indent || item && column == indent && !strings.Contains(dashes, "-"):
			path = append([]string{m[2]}, path...)
		case strings.Contains(dashes, "-") && first < indent:
		default:
			continue
		}
		if indent, item = column, false; strings.Contains(dashes, "-") {
			path = append([]string{"0"}, path...)
			indent, item = first, true
		}
	}
	return path
}
