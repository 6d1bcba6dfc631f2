// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/expression"
)

// templating is what a compilation remembers of texts, names and patterns that
// it met before, and the work that they have made so far.
type templating struct {
	templates    map[string]*template
	expressions  map[string]parsedExpression
	values       map[string]*document.Node // of the pipeline; nil for an unknown name
	patternsRead map[string]compiledPattern
	matched      map[matchedText]bool
	work         int
}

// parsedExpression is what a source was understood as.
type parsedExpression struct {
	expression *expression.Expression
	err        error
}

// compiledPattern is what a regular expression was understood as.
type compiledPattern struct {
	pattern *expression.Pattern
	err     error
}

// matchedText is a question that was answered.
type matchedText struct {
	pattern *expression.Pattern
	text    string
}

// maxWork bounds what the expressions, patterns and arguments of a config may
// do. A unit is about the time in which a tag is put in. The weights below are
// of work whose units take as long as several.
const (
	maxWork       = 500_000
	nameWeight    = 12  // a name of an expression
	givenWeight   = 5   // an argument of a call
	patternWeight = 10  // an instruction of a pattern
	textShare     = 256 // bytes of a template that is used once more
	matchShare    = 2   // instructions times bytes, of a match
)

// substitute replaces the references in a tree. What holds none is returned as
// it is; results are never looked at again, so that a value that happens to
// hold "<<" stays text.
func (c *compiler) substitute(n *document.Node, s scope) *document.Node {
	if !c.reuse || n == nil || !n.Template {
		return n
	}
	if n.IsScalar() {
		return c.substituteText(n, s)
	}
	items := make([]*document.Node, len(n.Items))
	for i, item := range n.Items {
		if n.Kind == document.Map && strings.Contains(n.Keys[i].Text, "<<") {
			c.fail(n.KeyAt(i), "A key cannot be made of references", "write the key out; values may hold << >>")
		}
		if n.Kind == document.Map {
			items[i] = c.substituteKey(n.Keys[i].Text, item, s)
			continue
		}
		items[i] = c.substitute(item, s)
	}
	result := n.With(items)
	_, bytes := result.Size()
	c.spend(n, 0, bytes)
	return result
}

// substituteKey replaces the references in the value of a key.
func (c *compiler) substituteKey(key string, n *document.Node, s scope) *document.Node {
	result := c.substitute(n, s)
	if c.reuse && key == "environment" {
		return environmentBooleans(n, result)
	}
	return result
}

// environmentBooleans spells a boolean that came out of a tag as CircleCI hands
// it to a process: 1 or 0. Inside a text it is true or false.
func environmentBooleans(before, after *document.Node) *document.Node {
	if !before.Template || after.IsScalar() {
		return after
	}
	items := make([]*document.Node, len(after.Items))
	for i, item := range after.Items {
		switch truth, ok := item.AsBool(); {
		case after.Kind == document.List:
			item = environmentBooleans(before.Items[i], item)
		case before.Items[i].Template && item.Kind == document.Bool && ok && truth:
			item = document.Scalar(document.Int, "1", item)
		case before.Items[i].Template && item.Kind == document.Bool:
			item = document.Scalar(document.Int, "0", item)
		}
		items[i] = item
	}
	return after.With(items)
}

// substituteText handles one scalar: a tag that is the whole of it keeps its
// type, others become text.
func (c *compiler) substituteText(n *document.Node, s scope) *document.Node {
	t := c.template(n)
	if t.failure != nil {
		c.fail(n, t.failure.message, t.failure.way)
		return broken(n)
	}
	if value := c.whole(n, t.blocks, s); value != nil {
		return value.At(n)
	}
	r := renderer{compiler: c, place: n, scope: s}
	r.render(t.blocks, true)
	c.spend(n, 0, r.text.Len())
	return textNode(r.text.String(), n)
}

// broken stands for the value of a text that holds a mistake. It keeps the sign
// of a template, so that nobody complains of its type as well.
func broken(n *document.Node) *document.Node {
	result := textNode(n.Text, n)
	result.Template = true
	return result
}

// template cuts a text, or remembers how it was cut.
func (c *compiler) template(n *document.Node) *template {
	c.labour(n, 1+len(n.Text)/textShare)
	if t := c.templates[n.Text]; t != nil {
		return t
	}
	if c.templates == nil {
		c.templates = map[string]*template{}
	}
	t := cut(n.Text, func(source string) (*expression.Expression, error) { return c.expression(n, source) })
	c.templates[n.Text] = t
	return t
}

// expression parses a source, or remembers what it was understood as.
func (c *compiler) expression(place *document.Node, source string) (*expression.Expression, error) {
	if known, ok := c.expressions[source]; ok {
		return known.expression, known.err
	}
	if len(c.expressions) >= maxExpressions {
		c.fail(place, fmt.Sprintf("The config has more than %d different expressions; that is the limit", maxExpressions), "compute values in scripts")
		panic(stopped{})
	}
	if c.expressions == nil {
		c.expressions = map[string]parsedExpression{}
	}
	e, err := expression.Parse(source)
	c.expressions[source] = parsedExpression{e, err}
	if err == nil {
		c.labour(place, e.Work())
	}
	return e, err
}

// labour counts the work of expressions and ends the compilation when it is too
// much.
func (c *compiler) labour(place *document.Node, work int) {
	if c.work += work; c.work > maxWork {
		c.fail(place, fmt.Sprintf("The config's expressions, patterns and arguments take more than %d units of work; that is the limit", maxWork), "use fewer or simpler ones")
		panic(stopped{})
	}
}

// whole returns the value of a text that is one tag, nil for another text. A
// block of text ends with a line break, which is part of it; around a value
// that is no text it means nothing.
func (c *compiler) whole(n *document.Node, blocks []block, s scope) *document.Node {
	if len(blocks) == 1 && blocks[0].kind == reference {
		if value := c.reference(n, blocks[0], s); value != nil {
			return value
		}
		return broken(n)
	}
	var only *block
	for i, b := range blocks {
		switch {
		case b.kind == plainText && strings.TrimSpace(b.text) == "":
		case b.kind == reference && only == nil:
			only = &blocks[i]
		default:
			return nil
		}
	}
	if only == nil {
		return nil
	}
	value := c.reference(n, *only, s)
	if value == nil || value.Kind == document.String || value.Kind == document.Int || value.Kind == document.Float {
		return nil
	}
	return value
}

// reference returns the value of what stands between << and >>, nil after a
// mistake.
func (c *compiler) reference(n *document.Node, b block, s scope) *document.Node {
	if b.failure != nil {
		c.fail(c.tagPlace(n, b), b.failure.message, b.failure.way)
		return nil
	}
	if b.expression != nil {
		return c.evaluate(n, b.expression, b.text, s)
	}
	value := c.lookup(b.text, s)
	if value == nil {
		c.unknownName(c.tagPlace(n, b), b.text, "", s)
	}
	return value
}

// tagPlace returns the place of a tag: in a text of several lines its own, and
// not that of the text's beginning.
func (c *compiler) tagPlace(n *document.Node, b block) *document.Node {
	// A folded text has blanks where it was broken.
	if lines := strings.Count(n.Text, "\n") + strings.Count(n.Text, " "); lines > 0 && len(c.errors) < maxErrors {
		if line, column, found := c.sourceOf(n).lines().Tag(n.Line, lines+1, b.text); found && line > n.Line {
			place := *n
			place.Line, place.Column = line, column
			return &place
		}
	}
	return n
}

// evaluate returns the value of an expression, nil after a mistake. A name that
// means nothing is one also where it does not count today.
func (c *compiler) evaluate(n *document.Node, e *expression.Expression, source string, s scope) *document.Node {
	known := true
	for _, name := range e.Names() {
		if c.lookup(name.Text, s) == nil {
			known = false
			unknown := &expression.Error{Kind: expression.UnknownName, Found: name.Text, Position: name.Position}
			c.unknownName(c.tagPlace(n, block{text: source}), name.Text, explain(unknown, source), s)
		}
	}
	if !known {
		return nil
	}
	c.labour(n, nameWeight*(1+len(e.Names())))
	value, err := e.Evaluate(expression.Environment{
		Lookup: func(name string) (expression.Value, bool) { return valueOf(c.lookup(name, s)), true },
		Spend:  func(work int) bool { c.labour(n, work/matchShare); return true },
	})
	var mistake *expression.Error
	if errors.As(err, &mistake) {
		c.fail(c.tagPlace(n, block{text: source}), explain(mistake, source), "")
		return nil
	}
	return nodeOf(value)
}

// renderer writes a template as text.
type renderer struct {
	*compiler
	place *document.Node
	scope scope
	text  strings.Builder
}

// render writes blocks. Those that do not count are read all the same, so that
// a mistake in them is told today.
func (r *renderer) render(blocks []block, counts bool) {
	r.labour(r.place, len(blocks))
	for _, b := range blocks {
		switch b.kind {
		case plainText:
			r.write(b.text, counts)
		case reference:
			r.insert(r.reference(r.place, b, r.scope), b, counts)
		default:
			value := r.lookup(b.text, r.scope)
			if value == nil {
				r.unknownName(r.tagPlace(r.place, b), b.text, "", r.scope)
				value = document.Scalar(document.Null, "", nil)
			}
			r.render(b.inner, counts && holds(value) == (b.kind == section))
		}
	}
}

func (r *renderer) insert(value *document.Node, b block, counts bool) {
	switch {
	case value == nil || value.Kind == document.Null:
	case !value.IsScalar():
		source := clip(b.text)
		r.fail(r.place, fmt.Sprintf("%s is a %s and cannot stand inside text", source, value.Kind), "let << "+source+" >> be the whole value")
	default:
		r.write(value.Text, counts)
	}
}

func (r *renderer) write(text string, counts bool) {
	if !counts {
		return
	}
	if r.text.Len()+len(text) > maxText && r.text.Len() > 0 {
		r.fail(r.place, fmt.Sprintf("The text grows beyond %d bytes; that is the limit", maxText), "use shorter parameters")
		panic(stopped{})
	}
	r.text.WriteString(text)
}

// holds tells whether a section is written: for what a condition takes as true,
// and for a list that is not empty.
func holds(value *document.Node) bool {
	if !value.IsScalar() {
		return len(value.Items) > 0
	}
	return truthy(value)
}
