// SPDX-License-Identifier: MPL-2.0

package document

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Writer writes YAML in block style. Calls follow the text from top to bottom:
//
//	w.Key("jobs"); w.In()                      jobs:
//	w.Item(); w.Pair("name", "a"); w.EndItem()   - name: a
//	w.Out()
//
// It writes what the config language needs (maps, lists and strings) at a
// multiple of a general encoder's speed, and any string comes back as the same
// string.
type Writer struct {
	b      []byte
	indent int
	dashes int // list items begun on the line to come
}

// String returns what was written.
func (w *Writer) String() string { return string(w.b) }

// Grow makes room for so many bytes more.
func (w *Writer) Grow(bytes int) { w.b = slices.Grow(w.b, bytes) }

// Len returns how many bytes were written.
func (w *Writer) Len() int { return len(w.b) }

// Repeat writes once more what stands between two lengths, at the same level.
func (w *Writer) Repeat(from, to int) { w.b = append(w.b, w.b[from:to]...) }

// In starts a level below the last key.
func (w *Writer) In() { w.indent += 2 }

// Out ends the level.
func (w *Writer) Out() { w.indent -= 2 }

// Item starts a list item; what is written next is its content.
func (w *Writer) Item() {
	w.indent += 2
	w.dashes++
}

// EndItem ends the list item.
func (w *Writer) EndItem() { w.indent -= 2 }

// Key writes "key:" for a map or list that follows one level In.
func (w *Writer) Key(key string) {
	w.start()
	w.key(key)
	w.b = append(w.b, ":\n"...)
}

// Pair writes "key: value".
func (w *Writer) Pair(key, value string) {
	w.start()
	w.key(key)
	w.b = append(w.b, ": "...)
	w.text(value)
}

// Raw writes "key: value" where value is not a string: a number, a boolean,
// an empty map or list.
func (w *Writer) Raw(key, value string) {
	w.start()
	w.key(key)
	w.b = append(w.b, ": "...)
	w.b = append(w.b, value...)
	w.b = append(w.b, '\n')
}

// Value writes the string that is a whole list item.
func (w *Writer) Value(value string) {
	w.Item()
	w.start()
	w.text(value)
	w.EndItem()
}

func (w *Writer) start() {
	for range w.indent - 2*w.dashes {
		w.b = append(w.b, ' ')
	}
	for ; w.dashes > 0; w.dashes-- {
		w.b = append(w.b, "- "...)
	}
}

// longestKey is how many bytes a key may take beside its colon. Parsers look no
// further ahead than 1024 characters.
const longestKey = 1000

// key writes a key. A very long one stands in lines of its own, with a question
// mark.
func (w *Writer) key(key string) {
	if plain(key) {
		w.b = append(w.b, key...)
		return
	}
	from := len(w.b)
	w.b = strconv.AppendQuote(w.b, key)
	if len(w.b)-from <= longestKey {
		return
	}
	w.b = slices.Insert(w.b, from, '?', ' ')
	w.b = append(w.b, '\n')
	for range w.indent {
		w.b = append(w.b, ' ')
	}
}

func (w *Writer) text(value string) {
	switch {
	case plain(value):
		w.b = append(w.b, value...)
	case literal(value):
		w.block(value)
		return
	default:
		// Go's quoted form is also YAML's: every escape that strconv writes
		// means the same there.
		w.b = strconv.AppendQuote(w.b, value)
	}
	w.b = append(w.b, '\n')
}

// block writes a literal block, one level in.
func (w *Writer) block(value string) {
	body := strings.TrimRight(value, "\n")
	switch len(value) - len(body) {
	case 0:
		w.b = append(w.b, "|-\n"...)
	case 1:
		w.b = append(w.b, "|\n"...)
	default:
		w.b = append(w.b, "|+\n"...)
		body = value[:len(value)-1]
	}
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			for range w.indent + 2 {
				w.b = append(w.b, ' ')
			}
			w.b = append(w.b, line...)
		}
		w.b = append(w.b, '\n')
	}
}

// literal tells whether a literal block brings a text back unchanged: it needs
// several lines, a first line that shows the indentation, and nothing that a
// parser takes for a line break or refuses.
func literal(value string) bool {
	first := strings.IndexByte(value, '\n')
	if first <= 0 || value[0] == ' ' || value[0] == '\t' {
		return false
	}
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRuneInString(value[i:])
		if r != '\n' && r != '\t' && !strconv.IsPrint(r) {
			return false
		}
		i += size
	}
	return true
}

// plain tells whether a string may stand without quotes: a careful subset, so
// that neither a YAML 1.1 nor a 1.2 reader takes it for anything else.
func plain(value string) bool {
	if value == "" || len(value) > 120 {
		return false
	}
	if c := value[0]; !isLetter(c) && c != '/' && c != '_' {
		return false
	}
	for i := 1; i < len(value); i++ {
		c := value[i]
		if isLetter(c) || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '/' {
			continue
		}
		// A colon or blank is safe only where a letter or digit follows.
		if (c == ' ' || c == ':' || c == '=' || c == '@') && i+1 < len(value) && (isLetter(value[i+1]) || value[i+1] >= '0' && value[i+1] <= '9') {
			continue
		}
		return false
	}
	return len(value) > 5 || !word(value)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// word tells whether a short text has a meaning of its own in some YAML.
func word(value string) bool {
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf":
		return true
	}
	return false
}
