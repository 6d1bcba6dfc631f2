// SPDX-License-Identifier: MPL-2.0

package terminal

import "strings"

// Plain removes everything from a text that a terminal would act on.
func Plain(text string) string { return harmless(text, false) }

// FirstLine shortens a text for a table or a heading: its first line, of which
// 80 characters. What was left out shows as "...".
func FirstLine(text string) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.TrimRight(line, "\r")
	runes := []rune(line)
	switch {
	case len(runes) > 80:
		line = string(runes[:77]) + "..."
	case rest != "":
		line += " ..."
	}
	return Plain(line)
}

// Safe removes what a terminal would act on but for colours: a build's output
// must not set the title, move the cursor out of its line, write to the
// clipboard or make the terminal answer.
func Safe(text string) string { return harmless(text, true) }

// Line is what is left to be seen of a line with carriage returns in it:
// progress displays write over what they wrote before.
func Line(text string) string {
	text = strings.TrimRight(text, "\r")
	return text[strings.LastIndexByte(text, '\r')+1:]
}

func harmless(text string, colours bool) string {
	if !strings.ContainsFunc(text, control) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == 0x1b:
			end := i + sequence(text[i:])
			if colours && colour(text[i:end]) {
				b.WriteString(text[i:end])
			}
			i = end
		case c < 0x20 && c != '\t' && c != '\n', c == 0x7f:
			i++
		case c == 0xc2 && i+1 < len(text) && text[i+1] >= 0x80 && text[i+1] < 0xa0:
			i += 2 // the C1 controls, which some terminals take for escapes
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

func control(r rune) bool { return r < 0x20 && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0 }

// sequence returns the length of the escape sequence at the start of text, as
// ECMA-48 forms them. One that does not end takes the rest of the text.
func sequence(text string) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case '[': // CSI: parameters and intermediates, then one final byte
		for i := 2; i < len(text); i++ {
			if text[i] >= 0x40 && text[i] <= 0x7e {
				return i + 1
			}
			if text[i] < 0x20 || text[i] > 0x7e {
				return i
			}
		}
		return len(text)
	case ']', 'P', '_', '^', 'X': // OSC and other strings, ended by BEL or ST
		for i := 2; i < len(text); i++ {
			if text[i] == 0x07 {
				return i + 1
			}
			if text[i] == 0x1b && i+1 < len(text) && text[i+1] == '\\' {
				return i + 2
			}
		}
		return len(text)
	default:
		for i := 1; i < len(text); i++ {
			if text[i] < 0x20 || text[i] > 0x2f {
				return min(i+1, len(text))
			}
		}
		return len(text)
	}
}

// colour tells whether an escape sequence only sets colours and the like (SGR).
func colour(sequence string) bool {
	body, ok := strings.CutPrefix(sequence, "\x1b[")
	if !ok || !strings.HasSuffix(body, "m") {
		return false
	}
	for _, r := range body[:len(body)-1] {
		if (r < '0' || r > '9') && r != ';' && r != ':' {
			return false
		}
	}
	return true
}
