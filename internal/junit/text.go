// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxEntity is the most bytes of an entity, "&" and ";" included.
const maxEntity = 12

// unescape replaces entities in place and returns what is left of text. What is
// no entity of XML and no number stays as it stands.
func unescape(text []byte) []byte {
	at := bytes.IndexByte(text, '&')
	if at < 0 {
		return text
	}
	out := text[:at]
	for at < len(text) {
		if text[at] == '&' {
			if r, n := entity(text[at:]); n > 0 {
				out = utf8.AppendRune(out, r) // never longer than the entity
				at += n
				continue
			}
		}
		out = append(out, text[at])
		at++
	}
	return out
}

// entity reads one at the beginning of text, and returns its length, 0 for none.
func entity(text []byte) (rune, int) {
	end := bytes.IndexByte(text[:min(len(text), maxEntity)], ';')
	if end < 2 {
		return 0, 0
	}
	switch name := string(text[1:end]); name {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	default:
		return number(name, end+1)
	}
}

func number(name string, length int) (rune, int) {
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, 0
	}
	base := 10
	if len(digits) > 0 && (digits[0] == 'x' || digits[0] == 'X') {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return 0, 0
	}
	if n == 0 || n > unicode.MaxRune || !utf8.ValidRune(rune(n)) {
		return utf8.RuneError, length
	}
	// "&#1;" is four bytes and its character one; the longest, "&#x10FFFF;", ten
	// and four: what comes out always fits where the entity stood.
	return rune(n), length
}

// line makes a name of what a file says: one line of valid text.
func line(text []byte) string {
	return strings.TrimSpace(clean(text, maxName, false))
}

// clean takes out of text what no reader wants: escape sequences of terminals,
// control characters, bytes that are not UTF-8, and what goes beyond most bytes.
// Tabs and line breaks stay where lines is set and are spaces otherwise.
func clean(text []byte, most int, lines bool) string {
	if plain(text, lines) && len(text) <= most {
		return string(text)
	}
	var out strings.Builder
	for len(text) > 0 {
		if n := escapeLength(text); n > 0 {
			text = text[n:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		switch {
		case r == '\n' || r == '\t':
			if !lines {
				r = ' '
			}
		case unicode.IsControl(r) || r == '\uFFFE' || r == '\uFFFF':
			continue
		}
		if out.Len()+utf8.RuneLen(r) > most {
			break
		}
		out.WriteRune(r)
	}
	return out.String()
}

// plain tells whether clean would change nothing but the length.
func plain(text []byte, lines bool) bool {
	for _, c := range text {
		if c < 0x20 && !(lines && (c == '\n' || c == '\t')) || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// escapeLength is the length of the escape sequence at the beginning of text, 0
// for none. pytest writes the escape character as "#x1B", XML having no form for
// it.
func escapeLength(text []byte) int {
	rest, ok := bytes.CutPrefix(text, []byte("\x1b"))
	if !ok {
		if rest, ok = bytes.CutPrefix(text, []byte("#x1B")); !ok {
			return 0
		}
	}
	escape := len(text) - len(rest)
	if len(rest) == 0 || rest[0] != '[' {
		if text[0] == '#' {
			return 0
		}
		return escape
	}
	for n, c := range rest[1:] {
		if c >= 0x40 && c <= 0x7e {
			return escape + 1 + n + 1
		}
		if c < 0x20 || c > 0x7e {
			break
		}
	}
	return escape
}
