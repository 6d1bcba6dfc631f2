// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"strings"
	"unicode/utf16"
)

// line returns a line, counted from 0; "" beyond the end.
func (t *text) line(i int) string {
	if i < 0 || i >= len(t.lines) {
		return ""
	}
	return t.lines[i]
}

// column turns the editor's column into one of characters from 1.
func (t *text) column(at position) int {
	units, column := 0, 1
	for _, r := range t.line(at.Line) {
		if units >= at.Character {
			break
		}
		units += utf16.RuneLen(r)
		column++
	}
	return column
}

// before returns the part of the cursor's line that stands before it.
func (t *text) before(at position) string {
	runes := []rune(t.line(at.Line))
	return string(runes[:min(len(runes), t.column(at)-1)])
}

// at turns a line and a column from 1, of characters, into the editor's.
func (t *text) at(line, column int) position {
	units := 0
	for i, r := range []rune(t.line(line - 1)) {
		if i >= column-1 {
			break
		}
		units += utf16.RuneLen(r)
	}
	return position{Line: max(line-1, 0), Character: units}
}

// wordEnds are the characters at which a word of either language ends.
const wordEnds = " \t,:[]{}\"'#()="

// word returns the range of the word that begins at a place, at least one
// character where there is one.
func (t *text) word(line, column int) span {
	runes := []rune(t.line(line - 1))
	end := max(column-1, 0)
	for end < len(runes) && !strings.ContainsRune(wordEnds, runes[end]) {
		end++
	}
	if end == column-1 && end < len(runes) {
		end++
	}
	return span{t.at(line, column), t.at(line, end+1)}
}

// around returns the dotted word under the cursor and how many of its
// characters stand before it: "parameters.x" of << parameters.x >>.
func (t *text) around(at position) (word string, before int) {
	inWord := func(r rune) bool { return !strings.ContainsRune(wordEnds+"<>!&|?+*/$", r) }
	runes := []rune(t.line(at.Line))
	here := min(t.column(at)-1, len(runes))
	start, end := here, here
	for start > 0 && inWord(runes[start-1]) {
		start--
	}
	for end < len(runes) && inWord(runes[end]) {
		end++
	}
	return string(runes[start:end]), here - start
}
