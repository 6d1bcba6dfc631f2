// SPDX-License-Identifier: MPL-2.0

package document

import (
	"fmt"
	"strings"
	"unicode"
)

// excerptWidth is how much of a long line an excerpt shows.
const excerptWidth = 120

// Lines gives excerpts of a text. The zero value is not usable.
type Lines struct{ lines []string }

// NewLines splits a text once for many excerpts.
func NewLines(text string) *Lines {
	return &Lines{lines: strings.Split(text, "\n")}
}

// Excerpt returns a line with its number and a caret under the column, "" when
// there is no such line. A long line is cut around the column; control
// characters are blanked, since the excerpt ends up on people's terminals.
func (l *Lines) Excerpt(line, column int) string {
	if line < 1 || line > len(l.lines) {
		return ""
	}
	text := []rune(strings.TrimRight(l.lines[line-1], "\r"))
	column = min(max(column, 1), len(text)+1)
	start := 0
	if column > excerptWidth-20 {
		start = column - excerptWidth/2
	}
	text = text[min(start, len(text)):]
	if len(text) > excerptWidth {
		text = text[:excerptWidth]
	}
	for i, r := range text {
		if !unicode.IsPrint(r) {
			text[i] = ' '
		}
	}
	prefix := fmt.Sprintf("%5d | ", line)
	return prefix + string(text) + "\n" + strings.Repeat(" ", len(prefix)-2) + "| " + strings.Repeat(" ", column-1-start) + "^"
}
