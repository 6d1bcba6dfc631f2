// SPDX-License-Identifier: MPL-2.0

package expression

// Tree is an expression for those who write it in another language.
type Tree struct {
	// Operator is "and", "==", "not" and so on; "" for a leaf.
	Operator string
	// Left and Right are its operands; a negation has Right only.
	Left, Right *Tree
	// Name of a leaf that refers to something; else Value is what it is.
	Name  string
	Value Value
}

// Tree returns the expression as it was read.
func (e *Expression) Tree() *Tree { return e.root.tree() }

func (n *node) tree() *Tree {
	switch {
	case n == nil:
		return nil
	case n.right != nil && n.token.kind == not:
		return &Tree{Operator: "not", Right: n.right.tree()}
	case n.right != nil:
		return &Tree{Operator: n.token.lexeme, Left: n.left.tree(), Right: n.right.tree()}
	case n.token.kind == name:
		return &Tree{Name: n.token.lexeme}
	}
	return &Tree{Value: n.token.value}
}

// Text returns a text, the source of a pattern, or what a number or a boolean
// is written as.
func (v Value) Text() string {
	if v.kind == KindPattern {
		return v.pattern.source
	}
	return v.String()
}
