// SPDX-License-Identifier: MPL-2.0

package document

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// resolver turns the library's tree into ours. An anchor is converted once and
// then shared, so that the work is linear in the text whatever it expands to;
// sizes are summed on the way, and a tree that is too large when expanded is
// refused before anyone walks it.
type resolver struct {
	limits   Limits
	anchors  map[*yaml.Node]*Node // nil value: being converted
	slab     []Node
	merged   int      // entries copied by merge keys
	repeated []*Error // keys
}

// node takes one from a slab: one allocation for many nodes.
func (r *resolver) node() *Node {
	if len(r.slab) == 0 {
		r.slab = make([]Node, 128)
	}
	n := &r.slab[0]
	r.slab = r.slab[1:]
	return n
}

func (r *resolver) convert(y *yaml.Node, depth int) (*Node, error) {
	if depth > r.limits.Depth {
		return nil, tooDeep(r.limits, y.Line, y.Column)
	}
	switch {
	case y.Kind == yaml.AliasNode:
		return r.alias(y)
	case y.Anchor == "":
		return r.fresh(y, depth)
	}
	if n := r.anchors[y]; n != nil {
		return n, nil
	}
	r.anchors[y] = nil
	n, err := r.fresh(y, depth)
	if err == nil {
		r.anchors[y] = n
	}
	return n, err
}

func (r *resolver) alias(y *yaml.Node) (*Node, error) {
	n := r.anchors[y.Alias]
	if n == nil {
		return nil, &Error{
			Message:    fmt.Sprintf("The alias *%s stands inside the value that it repeats", y.Value),
			Suggestion: "an anchor cannot contain itself",
			Line:       y.Line, Column: y.Column,
		}
	}
	return n, nil
}

func (r *resolver) fresh(y *yaml.Node, depth int) (*Node, error) {
	n := r.node()
	n.Line, n.Column = y.Line, y.Column
	var err error
	switch y.Kind {
	case yaml.SequenceNode:
		err = r.list(n, y, depth)
	case yaml.MappingNode:
		err = r.mapping(n, y, depth)
	default:
		r.scalar(n, y)
	}
	if err == nil {
		err = knownTag(y)
	}
	if err != nil {
		return nil, err
	}
	n.measure()
	switch {
	case n.size > r.limits.Expanded || n.bytes > r.limits.ExpandedBytes:
		return nil, r.tooLarge(y.Line, y.Column)
	case int(n.depth)+depth-1 > r.limits.Depth:
		return nil, tooDeep(r.limits, y.Line, y.Column)
	}
	return n, nil
}

func (r *resolver) tooLarge(line, column int) *Error {
	return &Error{
		Message: fmt.Sprintf("The %s expands to more than %d values or %d bytes; that is the limit",
			r.limits.Name, r.limits.Expanded, r.limits.ExpandedBytes),
		Suggestion: "use fewer aliases of aliases",
		Line:       line, Column: column,
	}
}

func tooDeep(limits Limits, line, column int) *Error {
	return &Error{
		Message:    fmt.Sprintf("The %s is nested more than %d levels deep; that is the limit", limits.Name, limits.Depth),
		Suggestion: "check the brackets and the indentation here",
		Line:       line, Column: column,
	}
}

func (r *resolver) scalar(n *Node, y *yaml.Node) {
	n.Text = y.Value
	n.Quoted = y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	n.Template = strings.Contains(y.Value, "<<")
	switch y.Tag {
	case "!!null":
		n.Kind = Null
	case "!!bool":
		n.Kind = Bool
	case "!!int":
		n.Kind = Int
	case "!!float":
		n.Kind = Float
	default:
		n.Kind = String
	}
}

func (r *resolver) list(n *Node, y *yaml.Node, depth int) error {
	n.Kind = List
	n.Items = make([]*Node, len(y.Content))
	for i, content := range y.Content {
		item, err := r.convert(content, depth+1)
		if err != nil {
			return err
		}
		r.adopt(n, item, i)
		n.Items[i] = item
	}
	return nil
}

// adopt tells a node where it was written; a shared one keeps its first place.
func (r *resolver) adopt(parent, child *Node, index int) {
	if child.parent == nil {
		child.parent, child.index = parent, int32(index)
	}
}

// mapping converts a map. Keys of the map itself win over merged ones wherever
// they stand, and of several merged maps the first wins.
func (r *resolver) mapping(n *Node, y *yaml.Node, depth int) error {
	n.Kind = Map
	n.Keys = make([]Key, 0, len(y.Content)/2)
	n.Items = make([]*Node, 0, len(y.Content)/2)
	var seen index
	var merges []*Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, content := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			return &Error{Message: "A key must be text, not a list or a mapping", Line: k.Line, Column: k.Column,
				Suggestion: "put quotes around a key that holds brackets or braces"}
		}
		value, err := r.convert(content, depth+1)
		if err != nil {
			return err
		}
		if k.Tag == "!!merge" {
			merges = append(merges, value)
			continue
		}
		r.adopt(n, value, len(n.Keys))
		r.put(n, &seen, Key{Text: k.Value, Line: k.Line, Column: k.Column}, value)
	}
	for _, m := range merges {
		if err := r.merge(n, &seen, m); err != nil {
			return err
		}
	}
	return nil
}

// knownTag refuses tags that would be read by code of one's own, such as
// !include: nobody here knows what they stand for.
func knownTag(y *yaml.Node) error {
	if y.Tag == "" || y.Tag == "!" || strings.HasPrefix(y.Tag, "!!") || strings.HasPrefix(y.Tag, "tag:yaml.org,2002:") {
		return nil
	}
	return &Error{
		Message:    "Unable to parse YAML\ncould not determine a constructor for the tag " + short(y.Tag),
		Suggestion: "put quotes around text that begins with !; a config has no tags of its own",
		Line:       y.Line, Column: y.Column,
	}
}

// maxRepeated bounds the repeated keys that are told.
const maxRepeated = 100

// put adds an entry. A repeated key is a mistake, as it is for CircleCI: one of
// the values would be lost.
func (r *resolver) put(n *Node, seen *index, key Key, value *Node) {
	if at, ok := seen.find(n, key.Text); ok {
		if len(r.repeated) < maxRepeated {
			r.repeated = append(r.repeated, &Error{
				Message: fmt.Sprintf("Unable to parse YAML\nwhile constructing a mapping: found duplicate key %s, which stands in line %d, column %d already",
					short(key.Text), n.Keys[at].Line, n.Keys[at].Column),
				Suggestion: "rename or remove one of them, or join what stands below them",
				Line:       key.Line, Column: key.Column,
			})
		}
		return
	}
	seen.add(key.Text, len(n.Keys))
	n.Keys = append(n.Keys, key)
	n.Items = append(n.Items, value)
}

// short keeps a key that is quoted in a message at a readable length.
func short(key string) string {
	const most = 100
	if len(key) <= most {
		return key
	}
	return strings.ToValidUTF8(key[:most], "") + "..."
}

func (r *resolver) merge(n *Node, seen *index, from *Node) error {
	switch from.Kind {
	case Map:
		if r.merged += len(from.Keys); r.merged > r.limits.Values {
			return &Error{
				Message:    fmt.Sprintf("The merge keys copy more than %d values; that is the limit", r.limits.Values),
				Suggestion: "merge smaller mappings",
				Line:       from.Line, Column: from.Column,
			}
		}
		for i, key := range from.Keys {
			if _, ok := seen.find(n, key.Text); ok {
				continue
			}
			seen.add(key.Text, len(n.Keys))
			n.Keys = append(n.Keys, key)
			n.Items = append(n.Items, from.Items[i])
		}
	case List:
		for _, item := range from.Items {
			if item.Kind != Map {
				return mergeError(item)
			}
			if err := r.merge(n, seen, item); err != nil {
				return err
			}
		}
	default:
		return mergeError(from)
	}
	return nil
}

func mergeError(n *Node) error {
	return &Error{
		Message:    "The merge key << takes a mapping or a list of mappings, found: " + n.Kind.String(),
		Suggestion: "write <<: *name, where &name marks a mapping",
		Line:       n.Line, Column: n.Column,
	}
}

// index finds keys. Small maps are searched, large ones hashed, so that
// thousands of jobs do not cost their square.
type index struct{ places map[string]int }

func (x *index) find(n *Node, key string) (int, bool) {
	if x.places == nil && len(n.Keys) < 16 {
		at := n.Find(key)
		return at, at >= 0
	}
	if x.places == nil {
		x.places = make(map[string]int, cap(n.Keys))
		for i, k := range n.Keys {
			x.places[k.Text] = i
		}
	}
	at, ok := x.places[key]
	return at, ok
}

func (x *index) add(key string, at int) {
	if x.places != nil {
		x.places[key] = at
	}
}
