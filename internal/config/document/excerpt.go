// SPDX-License-Identifier: MPL-2.0

package document

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerptWidth is how much of a long line an excerpt shows.
const excerptWidth = 120

// Lines gives excerpts of a text. The zero value is not usable.
type Lines struct {
	lines []string
	// marks are the bytes at which every longStep-th character of a long line
	// begins, by its number: a line may be as long as the file, and many mistakes
	// may stand in it.
	marks map[int][]int
}

const longStep = 1 << 12

// NewLines splits a text once for many excerpts.
func NewLines(text string) *Lines {
	l := &Lines{lines: splitLines(text)}
	for number, line := range l.lines {
		if len(line) <= longStep {
			continue
		}
		if l.marks == nil {
			l.marks = map[int][]int{}
		}
		count := 0
		for at := range line {
			if count%longStep == 0 {
				l.marks[number] = append(l.marks[number], at)
			}
			count++
		}
	}
	return l
}

// lineBreaks are what YAML 1.1 takes for the end of a line.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// splitLines cuts a text into the lines that the parser counts.
func splitLines(text string) []string {
	if slices.ContainsFunc([]string{"\r", "\u0085", "\u2028", "\u2029"}, func(end string) bool { return strings.Contains(text, end) }) {
		text = lineBreaks.Replace(text)
	}
	return strings.Split(text, "\n")
}

// Tag returns where a text begins that follows "<<" in one of some lines, the
// first of which is line; found is false when it does in none of them.
func (l *Lines) Tag(line, lines int, text string) (at, column int, found bool) {
	text, _, _ = strings.Cut(text, "\n")
	for number := max(line, 1); number <= min(line+lines, len(l.lines)); number++ {
		full, from := l.lines[number-1], 0
		for {
			next := strings.Index(full[from:], text)
			if next < 0 || text == "" {
				break
			}
			if tag := strings.TrimRight(full[:from+next], " \t#^"); strings.HasSuffix(tag, "<<") {
				return number, utf8.RuneCountInString(full[:len(tag)-2]) + 1, true
			}
			from += next + len(text)
		}
	}
	return 0, 0, false
}

// Excerpt returns a line with its number and a caret under the column, "" when
// there is no such line. A long line is cut around the column; control
// characters are blanked, since the excerpt ends up on people's terminals.
func (l *Lines) Excerpt(line, column int) string {
	if line < 1 || line > len(l.lines) {
		return ""
	}
	column = max(column, 1)
	start := 0
	if column > excerptWidth-20 {
		start = column - excerptWidth/2
	}
	text, characters := l.window(line-1, start, column)
	if column > characters+1 {
		return l.Excerpt(line, characters+1) // beyond its end
	}
	prefix := fmt.Sprintf("%5d | ", line)
	return prefix + string(text) + "\n" + strings.Repeat(" ", len(prefix)-2) + "| " + strings.Repeat(" ", column-1-start) + "^"
}

// window returns the characters of a line from start on, at most excerptWidth,
// and how many the line has up to the end of them or of itself. Nothing of the
// rest is copied.
func (l *Lines) window(number, start, column int) (text []rune, characters int) {
	line := l.lines[number]
	if marks := l.marks[number]; len(marks) > 0 {
		mark := min(start/longStep, len(marks)-1)
		line, characters = line[marks[mark]:], mark*longStep
	}
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
