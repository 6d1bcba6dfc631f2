// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/expression"
)

// logicOperators are the keys of a logic statement.
var logicOperators = []string{"and", "or", "not", "equal", "matches"}

// maxLogic is how deep logic statements may stand in one another.
const maxLogic = 100

// condition reads a logic statement whose references are replaced: a value, or
// a mapping with exactly one operator. Every part is read, so that a mistake in
// a part that does not matter today is told today.
func (c *compiler) condition(n *document.Node, depth int) bool {
	switch {
	case depth > maxLogic:
		c.fail(n, fmt.Sprintf("Logic statements nest more than %d levels deep; that is the limit", maxLogic), "write an expression: << a and not b >>")
		return false
	case n.Kind == document.Map:
		if len(n.Keys) != 1 {
			c.fail(n, "a logic statement has exactly one operator", "write one of and, or, not, equal, matches")
			return false
		}
		return c.operator(n.Keys[0].Text, n.Items[0], n.KeyAt(0), depth)
	case n.Kind == document.List && n.Derived:
		return len(n.Items) > 0 // steps that were given as an argument
	case n.Kind == document.List:
		c.fail(n, "a logic statement cannot be a list", "write and: or or: before the list")
		return false
	}
	c.warnText(n)
	return truthy(n)
}

// warnText finds expressions that stand where only a text can: there they are
// always true.
func (c *compiler) warnText(n *document.Node) {
	if n.Kind != document.String || n.Quoted || !strings.Contains(n.Text, pipelineRoot) && !strings.Contains(n.Text, parametersRoot) {
		return
	}
	if _, err := c.expression(n, n.Text); err == nil {
		c.warn(n, "The condition is a text, which always counts as true: "+clip(n.Text), "an expression stands in << >> here: << "+clip(n.Text)+" >>")
	}
}

// workflowCondition reads the condition of a workflow: a logic statement, or an
// expression, which may stand there without << >>.
func (c *compiler) workflowCondition(n *document.Node) bool {
	if _, isBool := n.AsBool(); n.Kind == document.String && !n.Template && !isBool {
		value := c.expressionValue(n, scope{})
		return value != nil && valueOf(value).Truthy()
	}
	if n.Kind == document.String && c.reuse {
		for _, b := range c.template(n).blocks {
			if b.kind == plainText && strings.TrimSpace(b.text) != "" {
				c.fail(n, "An expression stands in << >> as a whole, or without them: "+clip(n.Text), "remove all << and >> of the condition")
				return false
			}
		}
	}
	return c.condition(c.substitute(n, scope{}), 0)
}

// expressionValue evaluates a text that is an expression, nil after a mistake.
func (c *compiler) expressionValue(n *document.Node, s scope) *document.Node {
	e, err := c.expression(n, n.Text)
	var mistake *expression.Error
	if errors.As(err, &mistake) {
		c.fail(n, explain(mistake, n.Text), expressionWay(mistake, n.Text))
		return nil
	}
	return c.evaluate(n, e, n.Text, s)
}

// truthy is false for false, null, zero, NaN and the empty string.
func truthy(n *document.Node) bool {
	if value, ok := n.AsBool(); ok {
		return value
	}
	switch n.Kind {
	case document.Null:
		return false
	case document.Int, document.Float:
		number, err := strconv.ParseFloat(strings.TrimPrefix(n.Text, "."), 64)
		return err != nil || number != 0 && !math.IsNaN(number)
	default:
		return n.Text != ""
	}
}

func (c *compiler) operator(name string, n, place *document.Node, depth int) bool {
	switch name {
	case "and", "or":
		if !c.operands(n) {
			return false
		}
		result := name == "and"
		for _, item := range n.Items {
			value := c.condition(item, depth+1)
			if name == "and" {
				result = result && value
			} else {
				result = result || value
			}
		}
		return result
	case "not":
		return !c.condition(n, depth+1)
	case "equal":
		if !c.operands(n) {
			return false
		}
		for _, item := range n.Items[1:] {
			if !equal(n.Items[0], item) {
				return false
			}
		}
		return true
	case "matches":
		return c.matches(n)
	}
	way := "write one of and, or, not, equal, matches"
	if near := suggest(name, logicOperators); near != "" {
		way = near + " " + way
	}
	c.fail(place, "extraneous key ["+clip(name)+"] is not permitted", way)
	return false
}

func (c *compiler) operands(n *document.Node) bool {
	if n.Kind != document.List || len(n.Items) == 0 {
		found := n.Kind.String()
		if n.Kind == document.List {
			found = "an empty one"
		}
		c.fail(n, "the operator takes a list that is not empty, found: "+found, "write the values as a list")
		return false
	}
	return true
}

// equal compares values by type and content. A pipeline value that is absent
// equals the empty text too, as it was documented for long.
func equal(a, b *document.Node) bool {
	if x, ok := a.AsBool(); ok {
		y, ok := b.AsBool()
		return ok && x == y
	}
	a, b = present(a, b), present(b, a)
	if a.Kind != b.Kind || a.Kind != document.Null && a.Text != b.Text || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Items {
		if a.Kind == document.Map && a.Keys[i].Text != b.Keys[i].Text || !equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}

// present returns an absent pipeline value as a text when it is compared with
// one.
func present(n, other *document.Node) *document.Node {
	if isAbsent(n) && other.Kind == document.String {
		return textNode("", n)
	}
	return n
}

var matchesKeys = keySet{permitted: []string{"pattern", "value"}, required: []string{"pattern", "value"}}

func (c *compiler) matches(n *document.Node) bool {
	pattern, value := n.Get("pattern"), n.Get("value")
	if !c.fields(n, matchesKeys) || pattern == nil || value == nil {
		return false
	}
	for _, at := range []*document.Node{pattern, value} {
		if !at.IsScalar() {
			c.wrongType(at, document.String)
			return false
		}
	}
	p := c.pattern(pattern, pattern.Text)
	text := value.Text
	if value.Kind == document.Null {
		text = ""
	}
	return p != nil && c.match(value, p, text)
}

// pattern compiles a regular expression of Java's dialect, nil after a mistake.
func (c *compiler) pattern(n *document.Node, text string) *expression.Pattern {
	known, ok := c.patternsRead[text]
	if !ok {
		known.pattern, known.err = expression.CompileJava(text)
		if c.patternsRead == nil {
			c.patternsRead = map[string]compiledPattern{}
		}
		c.patternsRead[text] = known
		c.labour(n, len(text))
		if known.err == nil {
			c.labour(n, patternWeight*known.pattern.Size())
		}
	}
	if known.err != nil {
		c.fail(n, "the regular expression "+clip(text)+" cannot be used", known.err.Error())
	}
	return known.pattern
}

// match tells whether a pattern matches all of a text, and counts what it
// costs. Many jobs ask the same of the same branch.
func (c *compiler) match(n *document.Node, p *expression.Pattern, text string) bool {
	question := matchedText{p, text}
	answer, known := c.matched[question]
	if !known {
		c.labour(n, p.Size()*(1+len(text))/matchShare)
		if c.matched == nil {
			c.matched = map[matchedText]bool{}
		}
		answer = p.Match(text)
		c.matched[question] = answer
	}
	return answer
}
