// SPDX-License-Identifier: MPL-2.0

package mask

// escape follows terminal control through a stream, to tell what of it a
// reader does not see:
//
//	none ──ESC──► begun ──[──► csi ──final byte──► none      colours, cursor
//	                │  └─ ! to / ─► charset ──final──► none  character sets
//	                └──anything else──► none                 two-byte sequences
//
// A carriage return is not seen either. The text of a title or a hyperlink
// (OSC) is taken for visible, since a secret may stand in it.
type escape uint8

const (
	escapeNone escape = iota
	escapeBegun
	escapeCSI
	escapeCharset
)

const esc = 0x1b

// feed takes the next byte and tells whether it is unseen.
func (e *escape) feed(b byte) (unseen bool) {
	switch {
	case b == esc:
		*e = escapeBegun
		return true
	case *e == escapeBegun:
		return e.second(b)
	case *e == escapeCSI && 0x20 <= b && b < 0x40, *e == escapeCharset && 0x20 <= b && b < 0x30:
		return true
	case *e == escapeCSI && 0x40 <= b && b < 0x7f, *e == escapeCharset && 0x30 <= b && b < 0x7f:
		*e = escapeNone
		return true
	default:
		*e = escapeNone
		return b == '\r'
	}
}

// second takes the byte after ESC.
func (e *escape) second(b byte) bool {
	switch {
	case b == '[':
		*e = escapeCSI
	case 0x20 <= b && b < 0x30:
		*e = escapeCharset
	case 0x30 <= b && b < 0x7f:
		*e = escapeNone
	default:
		*e = escapeNone
		return b == '\r'
	}
	return true
}

// strip returns what is seen of text.
func strip(text string) string {
	var e escape
	seen := make([]byte, 0, len(text))
	for i := range len(text) {
		if !e.feed(text[i]) {
			seen = append(seen, text[i])
		}
	}
	return string(seen)
}
