// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

func (c *converter) workflow(name string, n *document.Node) {
	c.gap()
	c.block("workflow", []string{name}, func() {
		c.entries(n, func(key string, value *document.Node) {
			switch key {
			case "when":
				c.attribute("condition", c.workflowCondition(value))
			case "unless":
				c.attribute("condition", "!("+c.workflowCondition(value)+")")
			case "triggers":
				c.schedules(value)
			case "jobs":
				c.calls(value)
			default:
				c.attribute(key, c.value(value))
			}
		})
	})
}

func (c *converter) jobGroup(name string, n *document.Node) {
	c.gap()
	c.block("job_group", []string{name}, func() {
		c.entries(n, func(key string, value *document.Node) {
			if key == "jobs" {
				c.calls(value)
				return
			}
			c.attribute(underscored(key), c.value(value))
		})
	})
}

func (c *converter) schedules(n *document.Node) {
	for _, item := range n.Items {
		if s := item.Get("schedule"); s != nil {
			c.item(item, func() { c.block("schedule", nil, func() { c.mapping(s) }) })
		}
	}
}

func (c *converter) calls(n *document.Node) {
	for _, item := range n.Items {
		c.item(item, func() {
			if item.IsScalar() {
				c.block("job", []string{item.Text}, func() {})
				return
			}
			each(item, c.listed)
		})
	}
}

// listed writes a job of a workflow that has keys.
func (c *converter) listed(name string, body *document.Node) {
	kind, called := "job", name
	if t := body.Get("type"); t != nil && t.Text == "approval" {
		kind = "approval"
	} else {
		called, _ = c.override(name, body)
	}
	c.block(kind, []string{called}, func() {
		c.overridden(called, name, body)
		c.call(called, kind, body)
	})
}

// overridden keeps the name of a call that runs an orb's job instead of its own.
func (c *converter) overridden(called, name string, body *document.Node) {
	if called == name || body.Get("name") != nil {
		return
	}
	if matrix := body.Get("matrix"); matrix != nil {
		c.fail(matrix, "A matrix with override-with of an inline orb has no counterpart in HCL", "list the orb's job, and give it a name with the values of the matrix")
	}
	c.attribute("name", quote(name))
}

// underscored writes the keys of a call that have a dash in a config.
func underscored(name string) string {
	switch name {
	case "serial-group", "override-with", "pre-steps", "post-steps":
		return strings.ReplaceAll(name, "-", "_")
	}
	return name
}

// callKeys are the keys of a call that are not arguments.
var callKeys = []string{"context", "filters", "matrix", "name", "override-with", "post-steps", "pre-steps", "requires", "serial-group", "type"}

func (c *converter) call(name, kind string, body *document.Node) {
	for _, key := range callKeys {
		value := body.Get(key)
		if value == nil || key == "type" && kind == "approval" {
			continue
		}
		if _, said := c.override(name, body); said && key == "override-with" {
			continue
		}
		c.key(body, key, func(value *document.Node) {
			switch {
			case key == "filters" && value.Kind == document.Map:
				c.block("filters", nil, func() { c.mapping(value) })
			case key == "matrix":
				c.matrix(body, value, c.kinds["jobs/"+name])
			case key == "pre-steps" || key == "post-steps":
				c.block(underscored(key), nil, func() { c.steps(value, "") })
			default:
				c.attribute(underscored(key), c.value(value))
			}
		})
	}
	if kind == "job" {
		c.arguments(body, c.kinds["jobs/"+name], callKeys...)
	}
}

// matrix writes the parameters in the order in which they stand in the names
// that are made of them, and hands each on as an argument.
func (c *converter) matrix(body, n *document.Node, kinds map[string]string) {
	parameters := n.Get("parameters")
	c.block("matrix", nil, func() {
		var b strings.Builder
		b.WriteString("{\n")
		for _, name := range sorted(parameters) {
			b.WriteString(key(name) + " = " + c.axis(parameters.Get(name), kinds[name]) + "\n")
		}
		c.attribute("parameters", b.String()+"}")
		for _, key := range []string{"exclude", "alias"} {
			if value := n.Get(key); value != nil {
				c.attribute(key, c.value(value))
			}
		}
	})
	for _, name := range sorted(parameters) {
		if body.Get(name) == nil {
			c.attribute(name, "matrix."+name)
		}
	}
}

// axis writes the values of one parameter.
func (c *converter) axis(n *document.Node, kind string) string {
	if n.Kind != document.List {
		return c.value(n)
	}
	items := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		items = append(items, c.typed(kind, item))
	}
	return "[" + strings.Join(items, ", ") + "]"
}
