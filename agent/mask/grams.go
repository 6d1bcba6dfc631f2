// SPDX-License-Identifier: MPL-2.0

package mask

import "encoding/binary"

// grams is the fast path: it tells where in a text no pattern can begin, by
// looking at a few bytes at every stride-th position only.
//
// It holds the first stride windows of width bytes of every pattern. Of the
// positions that are stride apart one falls on one of those windows of
// whatever pattern is there, so if none of the windows that are looked at is
// known, no pattern begins. stride + width - 1 is the length of the shortest
// pattern at most.
type grams struct {
	stride int
	width  int
	window uint32 // selects width bytes of four
	shift  uint
	bits   []uint64
}

const (
	maxStride = 8
	sparsity  = 32 // bits per window; one of so many false alarms is cheap
	spread    = 0x9E3779B1
)

func newGrams(patterns []string) grams {
	shortest := len(patterns[0])
	for _, p := range patterns {
		shortest = min(shortest, len(p))
	}
	g := grams{width: 4, window: 1<<32 - 1}
	if shortest < 7 {
		g.width, g.window = 3, 1<<24-1
	}
	g.stride = min(shortest-g.width+1, maxStride)
	order := uint(12)
	for 1<<order < len(patterns)*g.stride*sparsity && order < 20 {
		order++
	}
	g.shift = 32 - order
	g.bits = make([]uint64, 1<<order/64)
	for _, p := range patterns {
		for i := range g.stride {
			var b [4]byte
			copy(b[:], p[i:min(i+g.width, len(p))])
			slot := (binary.LittleEndian.Uint32(b[:]) & g.window) * spread >> g.shift
			g.bits[slot/64] |= 1 << (slot % 64)
		}
	}
	return g
}

// known tells whether the window at i is one of a pattern; beyond the end none
// is.
func (g *grams) known(text []byte, i int) bool {
	if i+4 > len(text) {
		return false
	}
	slot := (binary.LittleEndian.Uint32(text[i:]) & g.window) * spread >> g.shift
	return g.bits[slot/64]&(1<<(slot%64)) != 0
}

// search looks at text[lo:end] and returns the first position at or after lo
// at which a pattern might begin that reaches into a window that was found
// known, and the position of that window. Without one, found is false and
// every pattern that is wholly in text[lo:end], or would go on after end,
// begins at from or later.
func (g *grams) search(text []byte, lo, end int) (from, window int, found bool) {
	stride, mask, shift, bits := g.stride, g.window, g.shift, g.bits
	i := lo + stride - 1
	stop := min(end-g.width, len(text)-4)
	for ; i <= stop; i += stride {
		slot := (binary.LittleEndian.Uint32(text[i:]) & mask) * spread >> shift
		if bits[slot/64]&(1<<(slot%64)) != 0 {
			return i - stride + 1, i, true
		}
	}
	return i - stride + 1, end, false
}
