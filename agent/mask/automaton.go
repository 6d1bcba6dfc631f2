// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// automaton finds all patterns at once (Aho and Corasick, 1975). Its nodes are
// the prefixes of all patterns in the order of a depth-first walk, so that the
// first child of node n is n+1 and following a pattern reads memory in a row.
// Node 0 is the empty prefix.
type automaton struct {
	nodes []node
	// labels[n] is the label of the edge from n to n+1, so that the text of a
	// chain of nodes without branches is a slice of it; see node.run.
	labels []byte
	// out is the length of the longest pattern that ends at a node, 0 if none.
	out      []uint32
	root     [256]uint32   // children of the root
	branches []branch      // further children of nodes that have few
	tables   [][256]uint32 // all children of nodes that have many
	gram     grams
	lineEnds *lineEnds // nil when no pattern has a newline
}

type node struct {
	fail  uint32 // the longest proper suffix that is a node too
	more  uint32 // where children beyond the first are; see moreChildren
	depth uint32
	run   uint16 // steps along first children before anything else can happen
	label byte   // of the edge to the first child
	flags uint8
}

const (
	hasChild = 1 << iota
	endsPattern
)

// more is 0 for none, an index into branches, or one into tables with the top
// bit set.
const (
	inTable    = 1 << 31
	manyBranch = 6
)

type branch struct {
	label byte
	last  bool
	to    uint32
}

// next returns the state after b.
func (a *automaton) next(n uint32, b byte) uint32 {
	for n != 0 {
		at := &a.nodes[n]
		if at.label == b && at.flags&hasChild != 0 {
			return n + 1
		}
		if at.more != 0 {
			if to := a.moreChildren(at.more, b); to != 0 {
				return to
			}
		}
		n = at.fail
	}
	return a.root[b]
}

func (a *automaton) moreChildren(more uint32, b byte) uint32 {
	if more&inTable != 0 {
		return a.tables[more&^inTable][b]
	}
	for ; ; more++ {
		switch edge := &a.branches[more]; {
		case edge.label == b:
			return edge.to
		case edge.last:
			return 0
		}
	}
}

// rest returns the state that n amounts to when a match that ends there has
// been noted: a node that leads nowhere gives way to its longest suffix that
// does, so that nothing is held back for its sake.
func (a *automaton) rest(n uint32) uint32 {
	for n != 0 && a.nodes[n].flags&hasChild == 0 {
		n = a.nodes[n].fail
	}
	return n
}

// follow returns how many bytes of text go along the run of n.
func (a *automaton) follow(n uint32, text []byte) int {
	run := a.labels[n : n+uint32(a.nodes[n].run)]
	run = run[:min(len(run), len(text))]
	i := 0
	for ; i+8 <= len(run); i += 8 {
		differ := binary.LittleEndian.Uint64(run[i:]) ^ binary.LittleEndian.Uint64(text[i:])
		if differ != 0 {
			return i + bits.TrailingZeros64(differ)/8
		}
	}
	for i < len(run) && run[i] == text[i] {
		i++
	}
	return i
}

// compile builds the automaton of patterns, which are sorted, distinct and not
// empty. It returns nil for none.
func compile(patterns []string) *automaton {
	if len(patterns) == 0 {
		return nil
	}
	b := builder{a: &automaton{}, extra: make(map[uint32][]branch)}
	b.trie(patterns)
	b.placeChildren()
	b.links()
	b.runs()
	b.a.gram = newGrams(patterns)
	return b.a
}

// builder holds what only the making of an automaton needs.
type builder struct {
	a      *automaton
	parent []uint32
	edge   []byte // the label of the edge from the parent
	extra  map[uint32][]branch
}

// trie adds the nodes. Patterns come sorted, so each shares with the one
// before it the longest prefix that it shares with any.
func (b *builder) trie(patterns []string) {
	b.add(0, 0, 0)
	path := []uint32{0}
	before := ""
	for _, p := range patterns {
		shared := 0
		for shared < min(len(before), len(p)) && before[shared] == p[shared] {
			shared++
		}
		path = path[:shared+1]
		for i := shared; i < len(p); i++ {
			path = append(path, b.add(path[i], p[i], uint32(i+1)))
		}
		end := path[len(p)]
		b.a.out[end] = uint32(len(p))
		b.a.lineEnds = b.a.lineEnds.add(p)
		before = p
	}
}

func (b *builder) add(parent uint32, label byte, depth uint32) uint32 {
	id := uint32(len(b.a.nodes))
	b.a.nodes = append(b.a.nodes, node{depth: depth})
	b.a.out = append(b.a.out, 0)
	b.parent = append(b.parent, parent)
	b.edge = append(b.edge, label)
	switch {
	case depth == 0:
	case parent == 0:
		b.a.root[label] = id
	case id == parent+1:
		b.a.nodes[parent].label = label
		b.a.nodes[parent].flags |= hasChild
	default:
		b.extra[parent] = append(b.extra[parent], branch{label: label, to: id})
	}
	return id
}

// placeChildren lays out the children beyond the first of each node.
func (b *builder) placeChildren() {
	b.a.branches = []branch{{}} // index 0 means none
	for n, edges := range b.extra {
		at := &b.a.nodes[n]
		if len(edges) < manyBranch {
			edges[len(edges)-1].last = true
			at.more = uint32(len(b.a.branches))
			b.a.branches = append(b.a.branches, edges...)
			continue
		}
		var table [256]uint32
		for _, e := range edges {
			table[e.label] = e.to
		}
		at.more = uint32(len(b.a.tables)) | inTable
		b.a.tables = append(b.a.tables, table)
	}
}

// links sets fail and out, shallow nodes first, since a link leads to a
// shallower node whose own must be there.
func (b *builder) links() {
	for _, n := range b.byDepth() {
		at := &b.a.nodes[n]
		if at.depth > 1 {
			at.fail = b.a.next(b.a.nodes[b.parent[n]].fail, b.edge[n])
		}
		if b.a.out[n] == 0 {
			b.a.out[n] = b.a.out[at.fail]
		}
		if b.a.out[n] != 0 {
			at.flags |= endsPattern
		}
	}
}

// runs measures the chains of nodes that have one child and end no pattern.
func (b *builder) runs() {
	b.a.labels = make([]byte, len(b.a.nodes))
	for n := len(b.a.nodes) - 1; n > 0; n-- {
		at := &b.a.nodes[n]
		if at.flags&hasChild == 0 || at.more != 0 {
			continue
		}
		b.a.labels[n] = at.label
		at.run = 1
		if after := b.a.nodes[n+1]; after.flags&endsPattern == 0 && after.run < math.MaxUint16 {
			at.run += after.run
		}
	}
}

// byDepth returns all nodes but the root, sorted by counting.
func (b *builder) byDepth() []uint32 {
	var start []int
	for _, at := range b.a.nodes {
		for int(at.depth)+1 >= len(start) {
			start = append(start, 0)
		}
		start[at.depth+1]++
	}
	for d := 1; d < len(start); d++ {
		start[d] += start[d-1]
	}
	order := make([]uint32, len(b.a.nodes))
	for n, at := range b.a.nodes {
		order[start[at.depth]] = uint32(n)
		start[at.depth]++
	}
	return order[1:]
}
