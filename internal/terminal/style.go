// SPDX-License-Identifier: MPL-2.0

package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Style says how to show things.
type Style struct{ Colour bool }

// StyleOf picks the style for a writer: colours on a terminal only, and not
// where NO_COLOR is set (no-color.org) or the terminal is a dumb one.
func StyleOf(w io.Writer) Style {
	file, ok := w.(*os.File)
	return Style{Colour: ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))}
}

func (s Style) paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold, Dim and Cyan show a text so where colours are shown.
func (s Style) Bold(text string) string { return s.paint("1", text) }

// Dim shows what is of lesser interest.
func (s Style) Dim(text string) string { return s.paint("2", text) }

// Cyan shows headings between output.
func (s Style) Cyan(text string) string { return s.paint("36", text) }

// Status shows a status in the colour that people expect of it.
func (s Style) Status(status string) string {
	switch status {
	case "success", "created":
		return s.paint("32", status)
	case "failed", "error", "errored", "timedout", "infrastructure_fail", "unauthorized", "failing":
		return s.paint("31", status)
	case "on_hold", "canceled", "not_run":
		return s.paint("33", status)
	case "running":
		return s.paint("36", status)
	default:
		return status
	}
}

// Table writes rows in columns; the first row is the head. Cells may hold
// colours.
func Table(w io.Writer, s Style, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			text := cell
			if n == 0 {
				text = s.Bold(cell)
			}
			line.WriteString(text)
			if i+1 < len(row) {
				line.WriteString(strings.Repeat(" ", widths[i]-width(cell)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// width counts what a cell shows, which colours are not part of.
func width(cell string) int { return utf8.RuneCountInString(Plain(cell)) }

// Took writes a duration as people say it.
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0s"
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// Between is the time between two moments, "" when the first is not there yet.
func Between(from, to *time.Time) string {
	if from == nil {
		return ""
	}
	if to == nil {
		return Took(time.Since(*from))
	}
	return Took(to.Sub(*from))
}
