// SPDX-License-Identifier: MPL-2.0

package document

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Comment is what is written about one key or value, each line with its #.
type Comment struct {
	Head string // in the lines above
	Line string // behind it
	Foot string // in the lines below, before an empty line or the end of what it stands in
}

// Comments are those of a text, by the places of the keys and values that they
// are about. A node does not carry them: only who rewrites a text needs them.
type Comments struct {
	Head, Foot string // of the whole text
	at         map[place]*Comment
}

type place struct{ line, column int }

// ReadComments reads those of a text that Parse takes; of others it finds none.
func ReadComments(text string) *Comments {
	c := &Comments{at: map[place]*Comment{}}
	root, err := decode(text, Limits{}.withDefaults())
	if err != nil || root == nil {
		return c
	}
	c.Head, c.Foot = root.HeadComment, root.FootComment
	for _, n := range root.Content {
		c.read(n, place{n.Line, n.Column})
	}
	return c
}

// read notes the comments of a node and of what lies below. What is about an
// alias or a merge key, which a Node does not tell, is about what it stands in.
func (c *Comments) read(n *yaml.Node, at place) {
	c.add(n, at)
	for i, child := range n.Content {
		where := place{child.Line, child.Column}
		switch {
		case n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Tag == "!!merge":
			where = at
		case n.Kind == yaml.MappingNode && i%2 == 1 && child.Kind == yaml.AliasNode:
			where = place{n.Content[i-1].Line, n.Content[i-1].Column}
		case child.Kind == yaml.AliasNode || child.Tag == "!!merge":
			where = at
		}
		c.read(child, where)
	}
}

func (c *Comments) add(n *yaml.Node, at place) {
	if n.HeadComment == "" && n.LineComment == "" && n.FootComment == "" {
		return
	}
	known := c.at[at]
	if known == nil {
		known = &Comment{}
		c.at[at] = known
	}
	known.Head = joined(known.Head, n.HeadComment)
	known.Line = joined(known.Line, n.LineComment)
	known.Foot = joined(known.Foot, n.FootComment)
}

func joined(a, b string) string { return strings.Trim(a+"\n"+b, "\n") }

// Take returns the comment about a place, once.
func (c *Comments) Take(line, column int) Comment {
	at := place{line, column}
	found := c.at[at]
	if found == nil {
		return Comment{}
	}
	delete(c.at, at)
	return *found
}

// TakeBelow returns the comments about a node and all that lies below, as lines
// in the order of the text.
func (c *Comments) TakeBelow(n *Node) string {
	var places []place
	seen := map[*Node]bool{}
	var walk func(*Node)
	walk = func(n *Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		places = append(places, place{n.Line, n.Column})
		for _, key := range n.Keys {
			places = append(places, place{key.Line, key.Column})
		}
		for _, item := range n.Items {
			walk(item)
		}
	}
	if len(c.at) > 0 {
		walk(n)
	}
	return c.take(places)
}

// Rest returns the comments that nobody took.
func (c *Comments) Rest() string {
	places := make([]place, 0, len(c.at))
	for at := range c.at {
		places = append(places, at)
	}
	return c.take(places)
}

func (c *Comments) take(places []place) string {
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column)) })
	text := ""
	for _, at := range places {
		one := c.Take(at.line, at.column)
		text = joined(text, joined(joined(one.Head, one.Line), one.Foot))
	}
	return text
}
