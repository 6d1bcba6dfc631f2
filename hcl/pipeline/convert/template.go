// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/expression"
)

// template writes a text with tags: one that is the whole is its expression.
func (c *converter) template(n *document.Node) string {
	pieces, ok := config.Pieces(n.Text)
	if !ok {
		c.fail(n, "The tags in this text cannot be read", "see what muster config validate says")
		return `""`
	}
	if only, ok := whole(pieces); ok {
		return c.reference(n, only)
	}
	if text := c.pieces(n, pieces, heredocEscapes); strings.Contains(n.Text, "\n") && heredocFits(text) {
		return heredoc(text)
	}
	return `"` + c.pieces(n, pieces, escapes) + `"`
}

// whole returns the one reference that a text consists of, blanks aside.
func whole(pieces []config.Piece) (config.Piece, bool) {
	var only []config.Piece
	for _, p := range pieces {
		if p.Kind != config.PieceText || strings.TrimSpace(p.Text) != "" {
			only = append(only, p)
		}
	}
	if len(only) == 1 && only[0].Kind == config.PieceReference {
		return only[0], true
	}
	return config.Piece{}, false
}

// nameOf returns the name that a reference consists of, "" for an expression.
func nameOf(p config.Piece) string {
	if p.Expression == nil {
		return strings.TrimSpace(p.Text)
	}
	return p.Expression.Only()
}

func (c *converter) pieces(n *document.Node, pieces []config.Piece, escape *strings.Replacer) string {
	var b strings.Builder
	for _, p := range pieces {
		switch p.Kind {
		case config.PieceText:
			b.WriteString(escape.Replace(p.Text))
		case config.PieceReference:
			// A sign before it would make an escape of it.
			if text := b.String(); strings.HasSuffix(text, "$") {
				b.Reset()
				b.WriteString(strings.TrimSuffix(text, "$") + `${"$"}`)
			}
			b.WriteString("${" + c.reference(n, p) + "}")
		case config.PieceSection:
			b.WriteString("%{ if " + c.truth(p.Text) + " }" + c.pieces(n, p.Inner, escape) + "%{ endif }")
		case config.PieceInverted:
			b.WriteString("%{ if !" + c.truth(p.Text) + " }" + c.pieces(n, p.Inner, escape) + "%{ endif }")
		}
	}
	return b.String()
}

func (c *converter) reference(n *document.Node, p config.Piece) string {
	if p.Expression == nil {
		return c.name(p.Text)
	}
	text, err := c.expression(p.Expression.Tree(), 0)
	if err != nil {
		c.fail(n, err.Error(), "write this part by hand")
	}
	return text
}

// name writes what a tag may name. Inside of a job or a command `parameters.x`
// is its own; the pipeline's are the same to both languages.
func (c *converter) name(name string) string {
	name = strings.TrimSpace(name)
	root, rest, _ := strings.Cut(name, ".")
	if root == "parameters" {
		root = "parameter"
	}
	if name == "pipeline.git.branch.is_default" {
		return "pipeline.git.branch_is_default"
	}
	parts := strings.Split(rest, ".")
	for i, part := range parts {
		if parts[i] = "." + part; !identifier.MatchString(part) {
			parts[i] = "[" + quote(part) + "]"
		}
	}
	return root + strings.Join(parts, "")
}

// kind is the declared type of what a name refers to.
func (c *converter) kind(name string) string {
	if own, ok := strings.CutPrefix(name, "parameters."); ok {
		return c.own[own]
	}
	if pipeline, ok := strings.CutPrefix(name, "pipeline.parameters."); ok {
		return c.kinds[""][pipeline]
	}
	return ""
}

// truth writes a name as a condition by the rule of logic statements.
func (c *converter) truth(name string) string {
	name = strings.TrimSpace(name)
	if c.kind(name) == "boolean" {
		return c.name(name)
	}
	return "truthy(" + c.name(name) + ")"
}

// maxTree is how deep an expression may be; the parser allows no more.
const maxTree = 3000

// operators are those that both languages have.
var operators = []string{"==", "!=", "<", "<=", ">", ">="}

// calls are the operators that are functions in HCL.
var calls = map[string]string{"starts-with": "startswith", "contains": "strcontains", "matches": "matches", "and": "and", "or": "or"}

// expression writes CircleCI's expression language in HCL.
func (c *converter) expression(t *expression.Tree, depth int) (string, error) {
	if depth > maxTree {
		return "", fmt.Errorf("the expression is nested too deep")
	}
	switch {
	case t.Operator == "not" || t.Operator == "!":
		right, err := c.expression(t.Right, depth+1)
		return "!istrue(" + right + ")", err
	case t.Operator != "":
		left, err := c.expression(t.Left, depth+1)
		if err != nil {
			return "", err
		}
		right, err := c.expression(t.Right, depth+1)
		if t.Operator == "!=" && maybeAbsent(t.Left.Name) {
			return "(" + left + " != null && " + left + " != " + right + ")", err
		}
		if f, ok := calls[t.Operator]; ok {
			return f + "(" + left + ", " + right + ")", err
		}
		if !slices.Contains(operators, t.Operator) {
			return "", fmt.Errorf("the operator %s is not known", t.Operator)
		}
		return "(" + left + " " + t.Operator + " " + right + ")", err
	case t.Name != "":
		return c.name(t.Name), nil
	}
	return literal(t.Value), nil
}

// maybeAbsent tells whether a name is that of a pipeline value which not every
// pipeline has. What is absent is neither equal nor unequal to anything.
func maybeAbsent(name string) bool {
	switch name {
	case "pipeline.id", "pipeline.number", "pipeline.git.revision", "pipeline.trigger_source":
		return false
	}
	return strings.HasPrefix(name, "pipeline.") && !strings.HasPrefix(name, "pipeline.parameters.") && !strings.HasPrefix(name, "pipeline.project.")
}

func literal(v expression.Value) string {
	switch v.Kind() {
	case expression.KindString, expression.KindPattern:
		return quote(v.Text())
	case expression.KindUndefined:
		return "null"
	}
	return v.Text()
}

// workflowCondition writes a workflow's, which may be an expression too.
func (c *converter) workflowCondition(n *document.Node) string {
	if _, isBool := n.AsBool(); n.Kind != document.String || n.Template || isBool {
		return c.condition(n)
	}
	e, err := expression.Parse(n.Text)
	if err != nil {
		c.fail(n, "The expression cannot be read", "see what muster config validate says")
		return "false"
	}
	text, err := c.expression(e.Tree(), 0)
	if err != nil {
		c.fail(n, err.Error(), "write this part by hand")
	}
	return "istrue(" + text + ")"
}

// condition writes a logic statement.
func (c *converter) condition(n *document.Node) string {
	switch {
	case n.Kind == document.Map && len(n.Keys) == 1:
		return c.operator(n, n.Keys[0].Text, n.Items[0])
	case n.Kind == document.String && c.reuse && n.Template:
		return c.scalarCondition(n)
	case n.Kind == document.Float && !decimal.MatchString(n.Text):
		return "false"
	case n.IsScalar():
		if value, ok := n.AsBool(); ok {
			return fmt.Sprint(value)
		}
		return "truthy(" + c.value(n) + ")"
	}
	c.fail(n, "This is no logic statement", "")
	return "false"
}

func (c *converter) scalarCondition(n *document.Node) string {
	pieces, ok := config.Pieces(n.Text)
	if !ok {
		c.fail(n, "The tags in this text cannot be read", "")
		return "false"
	}
	only, isWhole := whole(pieces)
	switch {
	case !isWhole:
		return "truthy(" + c.template(n) + ")"
	case nameOf(only) != "":
		return c.truth(nameOf(only))
	}
	if t := only.Expression.Tree(); slices.Contains(operators, t.Operator) || t.Operator == "not" || t.Operator == "matches" || t.Operator == "starts-with" {
		return c.reference(n, only)
	}
	return "truthy(" + c.reference(n, only) + ")"
}

// operand writes a value of `equal`, where words are booleans and what is absent
// is empty.
func (c *converter) operand(n *document.Node) string {
	if value, ok := n.AsBool(); ok {
		return fmt.Sprint(value)
	}
	if pieces, ok := config.Pieces(n.Text); ok && c.reuse && n.Template && n.IsScalar() {
		if only, isWhole := whole(pieces); isWhole && maybeAbsent(nameOf(only)) {
			return "coalesce(" + c.value(n) + `, "")`
		}
	}
	return c.value(n)
}

func (c *converter) operator(place *document.Node, name string, n *document.Node) string {
	join := func(with string) string {
		parts := make([]string, 0, len(n.Items))
		for _, item := range n.Items {
			parts = append(parts, c.condition(item))
		}
		return "(" + strings.Join(parts, with) + ")"
	}
	switch name {
	case "and":
		return join(" && ")
	case "or":
		return join(" || ")
	case "not":
		return "!(" + c.condition(n) + ")"
	case "equal":
		var parts []string
		for i := 1; i < len(n.Items); i++ {
			parts = append(parts, c.operand(n.Items[0])+" == "+c.operand(n.Items[i]))
		}
		if len(parts) == 0 {
			return "true"
		}
		return "(" + strings.Join(parts, " && ") + ")"
	case "matches":
		if pattern, value := n.Get("pattern"), n.Get("value"); pattern != nil && value != nil {
			return "matches(" + c.value(value) + ", " + c.value(pattern) + ")"
		}
	}
	c.fail(place, "This is no logic statement", "")
	return "false"
}
