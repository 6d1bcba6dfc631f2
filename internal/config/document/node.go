// SPDX-License-Identifier: MPL-2.0

package document

import (
	"strconv"
	"strings"
)

// Kind is what a node is after YAML's rules for plain scalars were applied.
type Kind uint8

// The kinds. YAML 1.1 words such as `yes` are String with Quoted false: only a
// reader that wants a boolean takes them for one (see Node.AsBool).
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// String names the kind in the words of CircleCI's schema errors.
func (k Kind) String() string {
	return [...]string{"Null", "Boolean", "Integer", "Number", "String", "Sequence", "Mapping"}[k]
}

// Node is one value of a document. Nodes are shared wherever an alias repeats
// them and must not be changed once Parse has returned.
type Node struct {
	Kind   Kind
	Quoted bool // a scalar in quotes or a block
	// Template says that the node, or one below it, holds "<<": what does not
	// needs no copy when parameters are put in.
	Template bool
	// Derived says that the value was made or moved by an expansion: what stands
	// in the file at this place is a reference to it.
	Derived bool
	Text    string  // of a scalar, as written
	Keys    []Key   // of a map, in the order of the file
	Items   []*Node // of a list, or a map's values parallel to Keys
	Line    int     // from 1
	Column  int     // from 1, in characters
	// Owner is the element in whose scope the names in this value are looked
	// up: a value that is handed on as an argument keeps its giver's. nil: the
	// element that it stands in.
	Owner *Node

	parent *Node
	index  int32 // place in the parent
	depth  int32 // of the tree below, aliases included
	size   int   // nodes of the tree below, aliases counted as often as used
	bytes  int   // of text, counted likewise
}

// Key is the name of a map entry and its place.
type Key struct {
	Text         string
	Line, Column int
}

// Get returns the value of a key, nil when n is no map or has none.
func (n *Node) Get(key string) *Node {
	if i := n.Find(key); i >= 0 {
		return n.Items[i]
	}
	return nil
}

// Find returns the index of a key, -1 when n is no map or has none.
func (n *Node) Find(key string) int {
	if n == nil {
		return -1
	}
	for i := range n.Keys {
		if n.Keys[i].Text == key {
			return i
		}
	}
	return -1
}

// KeyAt returns a node that stands for the i-th key, for an error about the
// key and not about its value.
func (n *Node) KeyAt(i int) *Node {
	k := n.Keys[i]
	return &Node{Kind: String, Text: k.Text, Line: k.Line, Column: k.Column, parent: n, index: int32(i)}
}

// IsScalar tells whether n is neither list nor map.
func (n *Node) IsScalar() bool { return n.Kind < List }

// AsBool reads YAML 1.1's words for booleans, as CircleCI does. Quoted words are
// strings.
func (n *Node) AsBool() (value, ok bool) {
	if n.Quoted || !n.IsScalar() || len(n.Text) < len("on") || len(n.Text) > len("false") {
		return false, false
	}
	word := n.Text
	if lower := strings.ToLower(word); word != lower && word != strings.ToUpper(word) && word != strings.ToUpper(lower[:1])+lower[1:] {
		return false, false
	}
	switch strings.ToLower(word) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// Path returns where the node was written in the document, "jobs/build/steps/0".
// What an alias repeats has the path of its anchor.
func (n *Node) Path() string {
	var parts []string
	for at := n; at != nil && at.parent != nil; at = at.parent {
		if at.parent.Kind == List {
			parts = append(parts, strconv.Itoa(int(at.index)))
			continue
		}
		parts = append(parts, at.parent.Keys[at.index].Text)
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, "/")
}

// Root returns the top of the document in which n was written; n itself when it
// was made up.
func (n *Node) Root() *Node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// OwnedBy returns a copy of n whose names are looked up in another element.
func (n *Node) OwnedBy(owner *Node) *Node {
	c := *n
	c.Owner = owner
	return &c
}

// Size returns how many nodes the tree below n has, aliases counted as often
// as they are used, and how many bytes of text.
func (n *Node) Size() (nodes, bytes int) { return n.size, n.bytes }

// At returns a copy of n that is shown at the place of another node, for a
// value that replaces a reference to it.
func (n *Node) At(place *Node) *Node {
	c := *n
	c.Line, c.Column, c.parent, c.index = place.Line, place.Column, place.parent, place.index
	c.Derived = true
	return &c
}

// Scalar returns a scalar node at the place of another; place may be nil.
func Scalar(kind Kind, text string, place *Node) *Node {
	n := &Node{Kind: kind, Text: text, Derived: true, size: 1, bytes: len(text), depth: 1}
	if place != nil {
		n.Line, n.Column, n.parent, n.index = place.Line, place.Column, place.parent, place.index
	}
	return n
}

// With returns a copy of a list or map with other items. Keys stay.
func (n *Node) With(items []*Node) *Node {
	c := *n
	c.Items, c.Template = items, false
	c.measure()
	return &c
}

// measure sums up what lies below.
func (n *Node) measure() {
	n.size, n.bytes, n.depth = 1, len(n.Text), 1
	for i, item := range n.Items {
		n.size += item.size
		n.bytes += item.bytes
		n.depth = max(n.depth, item.depth+1)
		n.Template = n.Template || item.Template
		if n.Kind == Map {
			n.bytes += len(n.Keys[i].Text)
			n.Template = n.Template || strings.Contains(n.Keys[i].Text, "<<")
		}
	}
}
