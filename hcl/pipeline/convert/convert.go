// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// FromYAML returns the HCL of a config with its comments, or what cannot be said
// in it. The config should compile; of one that does not, the result is worth
// little.
func FromYAML(text string) (converted string, problems []core.ConfigError) {
	root, err := document.Parse(text, document.Limits{})
	if err != nil {
		var e *document.Error
		if errors.As(err, &e) {
			return "", []core.ConfigError{{Message: e.Message, Suggestion: e.Suggestion, Line: e.Line, Column: e.Column}}
		}
		return "", []core.ConfigError{{Message: err.Error()}}
	}
	c := &converter{writer: writer{b: &strings.Builder{}}, comments: document.ReadComments(text), kinds: map[string]map[string]string{}, aliases: map[string]bool{}, lines: document.NewLines(text), reuse: root.Get("version") != nil && root.Get("version").Text == "2.1"}
	// Every place that takes a valid config for granted would be one to forget.
	defer func() {
		if caught := recover(); caught != nil {
			converted, problems = "", []core.ConfigError{{Message: "The config does not compile", Suggestion: "ask muster config validate where, and convert it afterwards"}}
		}
	}()
	c.file(root)
	if len(c.problems) > 0 {
		return "", c.problems
	}
	return string(hclwrite.Format([]byte(c.b.String()))), nil
}

// converter is the state of one conversion.
type converter struct {
	writer
	comments *document.Comments
	lines    *document.Lines
	reuse    bool // version 2.1: << >> has a meaning
	problems []core.ConfigError
	// kinds are the types of declared parameters by section and element, "" for
	// the pipeline's: conditions and arguments are written by them.
	kinds map[string]map[string]string
	// own are the types that `parameters.x` has here.
	own map[string]string
	// module is where names are looked up, aliases are those of the imports.
	module  *module
	aliases map[string]bool
}

func (c *converter) fail(n *document.Node, message, way string) {
	c.problems = append(c.problems, core.ConfigError{
		Message: message, Suggestion: way, Line: n.Line, Column: n.Column, Excerpt: c.lines.Excerpt(n.Line, n.Column),
	})
}

func (c *converter) file(root *document.Node) {
	c.learn("", root)
	if c.comments.Head != "" {
		c.remark(c.comments.Head + "\n")
	}
	if c.section(root, "version", func(*document.Node) {}); c.pending != "" {
		c.flush()
		c.b.WriteString("\n")
	}
	if i := root.Find("setup"); i >= 0 {
		c.entry(root.Keys[i], root.Items[i], func() { c.begun = true; c.attribute("setup", c.value(root.Items[i])) })
	}
	c.own = c.kinds[""]
	each(root.Get("orbs"), func(alias string, _ *document.Node) { c.aliases[alias] = true })
	file := c.modules("", root)
	c.enter(file)
	c.declarations(root, true)
	c.elements(file)
	c.section(root, "job-groups", func(n *document.Node) { c.entries(n, c.jobGroup) })
	c.section(root, "workflows", func(n *document.Node) { c.workflows(root, n) })
	c.flush()
	c.remark(c.comments.Rest())
	c.remark(c.comments.Foot)
}

// workflows writes all of them. Without any, the job called build is one.
func (c *converter) workflows(root, workflows *document.Node) {
	if workflows == nil || workflows.Kind != document.Map {
		if root.Get("jobs").Get("build") != nil {
			c.gap()
			c.block("workflow", []string{"workflow"}, func() { c.block("job", []string{"build"}, func() {}) })
		}
		return
	}
	c.entries(workflows, func(name string, n *document.Node) {
		if name != "version" || n.Kind == document.Map {
			c.workflow(name, n)
		}
	})
}

// each calls f for the entries of a map.
func each(n *document.Node, f func(name string, value *document.Node)) {
	if n == nil || n.Kind != document.Map {
		return
	}
	for i, k := range n.Keys {
		f(k.Text, n.Items[i])
	}
}

func (c *converter) learn(element string, n *document.Node) {
	kinds := map[string]string{}
	each(n.Get("parameters"), func(name string, p *document.Node) {
		if kind := p.Get("type"); kind != nil {
			kinds[name] = kind.Text
		}
	})
	c.kinds[element] = kinds
}

// types are HCL's words for the types of parameters.
var types = map[string]string{
	"string": "string", "boolean": "bool", "integer": "number", "enum": "string", "env_var_name": "string", "steps": "steps", "executor": "executor",
}

// declarations writes the parameter blocks of an element.
func (c *converter) declarations(n *document.Node, top bool) {
	c.section(n, "parameters", func(all *document.Node) {
		c.entries(all, func(name string, p *document.Node) { c.declaration(name, p, top) })
	})
}

func (c *converter) declaration(name string, p *document.Node, top bool) {
	if top {
		c.gap()
	}
	kind := p.Get("type")
	if kind == nil || types[kind.Text] == "" {
		c.fail(p, fmt.Sprintf("The parameter %s has no type that is known", name), "")
		return
	}
	c.block("parameter", []string{name}, func() {
		c.key(p, "type", func(*document.Node) { c.attribute("type", types[kind.Text]) })
		c.key(p, "enum", func(enum *document.Node) {
			if kind.Text == "enum" {
				c.attribute("enum", c.texts(enum))
			}
		})
		c.key(p, "description", func(d *document.Node) { c.attribute("description", c.value(d)) })
		c.key(p, "default", func(d *document.Node) { c.fallback(kind.Text, d) })
	})
}

// fallback writes a default; steps are blocks here as everywhere.
func (c *converter) fallback(kind string, d *document.Node) {
	switch {
	case kind == "steps" && d.Kind == document.List && len(d.Items) == 0:
		c.attribute("default", "null")
	case kind == "steps":
		c.block("default", nil, func() { c.steps(d, "") })
	default:
		c.attribute("default", c.typed(kind, d))
	}
}

// typed writes the value of a parameter of a type.
func (c *converter) typed(kind string, n *document.Node) string {
	if kind == "executor" && n.Kind == document.Map {
		return c.executorCall(n)
	}
	if kind == "executor" && n.Kind == document.String {
		return c.executorName(n)
	}
	if n.IsScalar() && !n.Template {
		switch kind {
		case "boolean":
			if value, ok := n.AsBool(); ok {
				return fmt.Sprint(value)
			}
		case "string", "enum", "env_var_name":
			return quote(n.Text)
		}
	}
	return c.value(n)
}

// texts writes a list of scalars as texts.
func (c *converter) texts(n *document.Node) string {
	items := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		items = append(items, quote(item.Text))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// sorted returns the keys of a map in the order of the alphabet, which is that
// of a matrix's parameters in the names that it makes.
func sorted(n *document.Node) []string {
	var names []string
	each(n, func(name string, _ *document.Node) { names = append(names, name) })
	slices.Sort(names)
	return names
}
