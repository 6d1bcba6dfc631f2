// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

func (c *converter) job(name string, n *document.Node) {
	c.gap()
	name = c.module.prefix + name
	c.own = c.kinds["jobs/"+name]
	c.block("job", []string{name}, func() {
		c.declarations(n, false)
		c.body(n, "parameters", "steps")
		c.section(n, "steps", func(steps *document.Node) { c.steps(steps, "") })
	})
	c.own = c.kinds[""]
}

func (c *converter) executor(name string, n *document.Node) {
	c.gap()
	name = c.module.prefix + name
	c.own = c.kinds["executors/"+name]
	c.block("executor", []string{name}, func() {
		c.declarations(n, false)
		c.body(n, "parameters")
	})
	c.own = c.kinds[""]
}

// body writes the keys that jobs and executors have in common.
func (c *converter) body(n *document.Node, skip ...string) {
	c.entriesBut(n, skip, func(name string, value *document.Node) {
		switch {
		case name == "docker" && value.Kind == document.List:
			for _, image := range value.Items {
				c.item(image, func() { c.block("docker", nil, func() { c.image(image) }) })
			}
		case name == "environment" && value.Kind != document.Null && (!value.Template || !value.IsScalar()):
			c.environment(value)
		case name == "executor" && value.Kind == document.Map:
			c.attribute(name, c.executorCall(value))
		case name == "executor" && value.Kind == document.String:
			c.attribute(name, c.executorName(value))
		case value.Kind == document.Map:
			c.block(name, nil, func() { c.mapping(value) })
		case name == "machine" || name == "circleci_ip_ranges":
			c.attribute(name, c.typed("boolean", value))
		case name == "branches":
			c.fail(value, "The key branches of a job has no counterpart in HCL", "write filters where the workflow lists the job")
		default:
			c.attribute(name, c.value(value))
		}
	})
}

func (c *converter) executorCall(n *document.Node) string {
	kinds := map[string]string{}
	if name := n.Get("name"); name != nil {
		kinds = c.kinds["executors/"+c.called("executors", name, name.Text)]
	}
	var b strings.Builder
	b.WriteString("{\n")
	each(n, func(name string, value *document.Node) {
		kind := kinds[name]
		if name == "name" {
			kind = "executor"
		}
		b.WriteString(key(name) + " = " + c.typed(kind, value) + "\n")
	})
	b.WriteString("}")
	return b.String()
}

func (c *converter) image(n *document.Node) {
	c.entries(n, func(name string, value *document.Node) {
		switch {
		case name == "environment" && value.Kind != document.Null && (!value.Template || !value.IsScalar()):
			c.environment(value)
		case value.Kind == document.Map:
			c.block(name, nil, func() { c.mapping(value) })
		default:
			c.attribute(name, c.value(value))
		}
	})
}

func (c *converter) mapping(n *document.Node) {
	c.entries(n, func(name string, value *document.Node) {
		if value.Kind == document.Map && identifier.MatchString(name) {
			c.block(name, nil, func() { c.mapping(value) })
			return
		}
		if flags[name] || name == "enabled" {
			c.attribute(name, c.typed("boolean", value))
			return
		}
		c.attribute(name, c.value(value))
	})
}
