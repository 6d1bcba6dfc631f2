// SPDX-License-Identifier: MPL-2.0

package expression

import "slices"

const (
	maxDepth    = 100 // parentheses and negations around one another
	patternWork = 10  // for each instruction of a pattern, against 1 for a token
)

// Expression is a text that was understood.
type Expression struct {
	root  *node
	names []Name
	work  int
}

// Name is a name that an expression refers to.
type Name struct {
	Text     string
	Position int // in characters from 0
}

// Names returns the names in the order of the text, each as often as it is
// there, also those that an evaluation would never look at.
func (e *Expression) Names() []Name { return e.names }

// Work says what it cost to read the text, in the unit of Environment.Spend.
func (e *Expression) Work() int { return e.work }

// Only returns the name that is the whole of the expression, "" if it is more.
func (e *Expression) Only() string {
	if e.root.token.kind == name {
		return e.root.token.lexeme
	}
	return ""
}

// node is an operator with its operands, a literal or a name.
type node struct {
	token       token
	left, right *node // left is nil for a negation, both for a leaf
}

// Parse reads a text. Its errors are of type *Error.
func Parse(source string) (*Expression, error) {
	tokens, err := scan(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.binary(levelOr)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != end {
		return nil, p.surplus()
	}
	e := &Expression{root: root, work: len(tokens)}
	for _, t := range tokens {
		if t.kind == name {
			e.names = append(e.names, Name{Text: t.lexeme, Position: t.position})
		}
		if t.kind == pattern {
			e.work += patternWork * t.value.pattern.size
		}
	}
	return e, nil
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	p.at++
	return t
}

// The binary operators by how tightly they bind, loosest first.
const (
	levelOr = iota
	levelAnd
	levelEquality
	levelComparison
	levelUnary
)

var levels = [levelUnary][]kind{
	levelOr:         {or},
	levelAnd:        {and},
	levelEquality:   {equal, notEqual, builtin},
	levelComparison: {greater, greaterEqual, less, lessEqual},
}

// binary reads operands that are joined by operators of a level or tighter
// ones, from left to right.
func (p *parser) binary(level int) (*node, error) {
	if level == levelUnary {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for slices.Contains(levels[level], p.peek().kind) {
		operator := p.next()
		right, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		left = &node{token: operator, left: left, right: right}
	}
	return left, nil
}

func (p *parser) unary() (*node, error) {
	t := p.peek()
	if t.kind != not && t.kind != leftParen {
		return p.primary()
	}
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, fault(TooDeep, t)
	}
	p.at++
	if t.kind == leftParen {
		return p.group()
	}
	operand, err := p.unary()
	if err != nil {
		return nil, err
	}
	return &node{token: t, right: operand}, nil
}

func (p *parser) group() (*node, error) {
	inner, err := p.binary(levelOr)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != rightParen {
		return nil, fault(ExpectedRightParen, p.peek())
	}
	p.at++
	return inner, nil
}

func (p *parser) primary() (*node, error) {
	switch p.peek().kind {
	case name, number, text, pattern, yes, no:
		return &node{token: p.next()}, nil
	}
	return nil, fault(ExpectedExpression, p.peek())
}

// surplus explains what stands behind a whole expression. A name with another
// operand behind it is probably meant as an operator.
func (p *parser) surplus() error {
	t := p.peek()
	if t.kind == name {
		p.at++
		if _, err := p.binary(levelComparison); err == nil {
			return fault(UnknownBuiltin, t)
		}
	}
	return fault(AdditionalInput, t)
}
