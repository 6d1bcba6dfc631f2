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
	return &Lines{lines: splitLines(text)}
}

// lineBreaks are what YAML 1.1 takes for the end of a line.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// splitLines cuts a text into the lines that the parser counts.
func splitLines(text string) []string {
	if strings.ContainsAny(text, "\r\u0085\u2028\u2029") {
		text = lineBreaks.Replace(text)
	}
	return strings.Split(text, "\n")
}

// Excerpt returns a line with its number and a caret under the column, "" when
// there is no such line. A long line is cut around the column; control
// characters are blanked, since the excerpt ends up on people's terminals.
func (l *Lines) Excerpt(line, column int) string {
	if line < 1 || line > len(l.lines) {
		return ""
	}
	full := l.lines[line-1]
	column = max(column, 1)
	start := 0
	if column > excerptWidth-20 {
		start = column - excerptWidth/2
	}
	text, characters := window(full, start, column)
	if column > characters+1 {
		return l.Excerpt(line, characters+1) // beyond its end
	}
	prefix := fmt.Sprintf("%5d | ", line)
	return prefix + string(text) + "\n" + strings.Repeat(" ", len(prefix)-2) + "| " + strings.Repeat(" ", column-1-start) + "^"
}

// window returns the characters of a line from start on, at most excerptWidth,
// and how many the line has up to the end of them or of itself. A line may be as
// long as the file, and each mistake in it asks for a window: nothing of the
// rest is copied.
func window(line string, start, column int) (text []rune, characters int) {
	for _, r := range line {
		if characters >= start+excerptWidth && characters >= column {
			break
		}
		if characters >= start && len(text) < excerptWidth {
			if !unicode.IsPrint(r) {
				r = ' '
			}
			text = append(text, r)
		}
		characters++
	}
	return text, characters
}
