// SPDX-License-Identifier: MPL-2.0

package mask

import "strings"

// lineEnds holds, of all patterns, which two bytes stand before a newline. Where
// a line ends in others no pattern goes on in the next one, which of most lines
// can be told without a walk. nil holds none.
type lineEnds [1 << 16 / 64]uint64

// add returns the set with those of a pattern.
func (l *lineEnds) add(pattern string) *lineEnds {
	for at := 0; ; at++ {
		n := strings.IndexByte(pattern[at:], '\n')
		if n < 0 {
			return l
		}
		if l == nil {
			l = &lineEnds{}
		}
		switch at += n; at {
		case 0:
			for i := range l {
				l[i] = ^uint64(0)
			}
		case 1:
			for before := range 256 {
				l.set(byte(before), pattern[0])
			}
		default:
			l.set(pattern[at-2], pattern[at-1])
		}
	}
}

func (l *lineEnds) set(a, b byte) {
	i := uint(a)<<8 | uint(b)
	l[i/64] |= 1 << (i % 64)
}

// goesOn tells whether a pattern may have a newline after text[lo:end]. Of less
// than two bytes it is not known.
func (l *lineEnds) goesOn(text []byte, lo, end int) bool {
	if l == nil {
		return false
	}
	if end-lo < 2 {
		return true
	}
	i := uint(text[end-2])<<8 | uint(text[end-1])
	return l[i/64]&(1<<(i%64)) != 0
}
