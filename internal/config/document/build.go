// SPDX-License-Identifier: MPL-2.0

package document

// Entry is a key of a map that is built, and its value.
type Entry struct {
	Key   Key
	Value *Node
}

// The builders below make a document of something other than YAML text. Places
// are those of the text that people see, from 1. A value that stands in another
// node already is copied, so that each has one path.

// NewMap returns a map of entries in their order. Of a repeated key the first
// counts, as Get finds it.
func NewMap(line, column int, entries []Entry) *Node {
	n := &Node{Kind: Map, Line: line, Column: column, Keys: make([]Key, len(entries)), Items: make([]*Node, len(entries))}
	for i, e := range entries {
		n.Keys[i] = e.Key
		n.Items[i] = n.adopt(e.Value, i)
	}
	n.measure()
	return n
}

// NewList returns a list of items.
func NewList(line, column int, items []*Node) *Node {
	n := &Node{Kind: List, Line: line, Column: column, Items: make([]*Node, len(items))}
	for i, item := range items {
		n.Items[i] = n.adopt(item, i)
	}
	n.measure()
	return n
}

// NewScalar returns a scalar. A String counts as quoted: no word of it is a
// boolean, and "<<" in it means itself.
func NewScalar(kind Kind, text string, line, column int) *Node {
	n := Scalar(kind, text, nil)
	n.Quoted = kind == String
	n.Line, n.Column = line, column
	return n
}

func (n *Node) adopt(child *Node, index int) *Node {
	if child.parent != nil {
		c := *child
		child = &c
	}
	child.parent, child.index = n, int32(index)
	return child
}
