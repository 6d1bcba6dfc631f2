// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

func (c *converter) command(name string, n *document.Node) {
	c.gap()
	name = c.module.prefix + name
	c.own = c.kinds["commands/"+name]
	c.block("command", []string{name}, func() {
		c.key(n, "description", func(d *document.Node) { c.attribute("description", c.value(d)) })
		c.declarations(n, false)
		c.section(n, "steps", func(steps *document.Node) { c.steps(steps, "") })
	})
	c.own = c.kinds[""]
}

// steps writes a list of steps; condition is that of the when steps around it.
func (c *converter) steps(n *document.Node, condition string) {
	if n == nil {
		return
	}
	if n.Kind == document.Map {
		c.step(n, condition)
		return
	}
	if n.Kind != document.List {
		c.splice(n, condition)
		return
	}
	for _, item := range n.Items {
		c.item(item, func() { c.step(item, condition) })
	}
}

func (c *converter) step(n *document.Node, condition string) {
	if n.IsScalar() {
		if n.Template && c.reuse {
			c.splice(n, condition)
			return
		}
		c.block("step", []string{c.called("commands", n, n.Text)}, func() { c.guard(condition) })
		return
	}
	if len(n.Keys) == 0 {
		c.fail(n, "This is no step", "")
		return
	}
	// Further keys are arguments that somebody forgot to indent; they count for
	// nothing, on CircleCI either.
	name, body := n.Keys[0].Text, n.Items[0]
	switch name {
	case "when", "unless":
		inner := c.condition(body.Get("condition"))
		if name == "unless" {
			inner = "!(" + inner + ")"
		}
		if condition != "" {
			inner = condition + " && (" + inner + ")"
		}
		c.steps(body.Get("steps"), inner)
	case "steps":
		c.splice(body, condition)
	default:
		called := c.called("commands", body, name)
		c.block("step", []string{called}, func() {
			c.guard(condition)
			c.stepBody(called, body)
		})
	}
}

// guard writes the condition of the when steps around a step.
func (c *converter) guard(condition string) {
	if condition != "" {
		c.attribute("condition", condition)
	}
}

// splice writes the steps of a parameter, or a list that stands for them.
func (c *converter) splice(n *document.Node, condition string) {
	if n.Kind == document.List {
		c.steps(n, condition)
		return
	}
	c.block("step", []string{"steps"}, func() {
		c.guard(condition)
		c.attribute("steps", c.value(n))
	})
}

// shortKeys are what a built-in step's short form stands for.
var shortKeys = map[string]string{"run": "command", "deploy": "command"}

func (c *converter) stepBody(name string, body *document.Node) {
	kinds, isOwn := c.kinds["commands/"+name]
	switch {
	case body.Kind == document.Null:
	case body.IsScalar():
		if shortKeys[name] == "" {
			c.fail(body, "The step "+name+" has a value of its own where keys are expected", "")
			return
		}
		c.attribute(shortKeys[name], c.value(body))
	case isOwn, strings.Contains(name, "/"):
		c.arguments(body, kinds)
	default:
		c.entries(body, c.builtin)
	}
}

// flags are the keys of built-in steps that take a boolean.
var flags = map[string]bool{"background": true, "docker_layer_caching": true}

func (c *converter) builtin(key string, value *document.Node) {
	switch {
	case key == "steps" && value.Kind == document.List:
		c.block("steps", []string{key}, func() { c.steps(value, "") })
	case key == "environment" && value.Kind != document.Null && (!value.Template || !value.IsScalar()):
		c.environment(value)
	case flags[key]:
		c.attribute(key, c.typed("boolean", value))
	default:
		c.attribute(key, c.value(value))
	}
}

// arguments writes those of a command or a job. A list is a list of steps: no
// other type of parameter takes one.
func (c *converter) arguments(body *document.Node, kinds map[string]string, skip ...string) {
	c.entriesBut(body, skip, func(name string, value *document.Node) {
		if value.Kind == document.List {
			c.block("steps", []string{name}, func() { c.steps(value, "") })
			return
		}
		c.attribute(name, c.typed(kinds[name], value))
	})
}
