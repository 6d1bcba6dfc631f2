// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// substituteBody replaces the references in an element's keys, but for those
// that describe the element itself.
func (c *compiler) substituteBody(n *document.Node, s scope) *document.Node {
	if !c.reuse || !n.Template {
		return n
	}
	items := make([]*document.Node, len(n.Items))
	for i, item := range n.Items {
		switch key := n.Keys[i].Text; key {
		case "parameters", "description":
			items[i] = item
		case "steps":
			items[i] = c.substituteSteps(item, s)
		default:
			items[i] = c.substitutePart(key, item, s)
		}
	}
	return n.With(items)
}

// expand turns a job's definition and the arguments of a call into a plan
// without name and requirements; nil after a mistake. A job without parameters
// is expanded once and shared, so nobody may change what is returned.
func (c *compiler) expand(d *definition, given map[string]*document.Node, names []string, place *document.Node) *core.JobPlan {
	if d.job != nil && len(names) == 0 {
		return d.job
	}
	before := len(c.errors) + c.more
	var plan *core.JobPlan
	read := func() {
		values, ok := c.arguments(d.parameters, given, names, place)
		if ok {
			d.read = true
			defer c.enter(d.owner)()
			plan = c.rememberedJob(d, values)
			c.giveBack(values)
		}
	}
	if len(d.parameters) == 0 && len(names) == 0 && d.owner.name == "" {
		read()
	} else {
		c.within(d.calling("job"), read)
	}
	if len(d.parameters) == 0 && len(names) == 0 && c.unsure == 0 {
		d.job = plan
	}
	if len(c.errors)+c.more > before {
		return nil
	}
	return plan
}

// checkUnread looks for mistakes in what no workflow reached, and tells what is
// not called by anything, in the file and its inline orbs.
func (c *compiler) checkUnread() {
	c.checkModule()
	for _, alias := range slices.Sorted(maps.Keys(c.orbs)) {
		if m := c.orbs[alias].module; m != nil && m.inline {
			leave := c.enter(m)
			c.checkUnread()
			leave()
		}
	}
	c.warnUnusedOrbs()
}

// checkModule does so for the current module.
func (c *compiler) checkModule() {
	for _, name := range c.jobOrder {
		d := c.jobs[name]
		if d == nil {
			continue
		}
		if !d.used {
			c.warn(d.key, fmt.Sprintf("The job %s is not used by any workflow", d.title()), "list it under a workflow's jobs, or remove it")
		}
		c.sampled(d, func(given map[string]*document.Node) { c.expand(d, given, nil, d.key) })
	}
	for _, d := range ordered(c.commands) {
		c.warnShadow(d)
		if !d.used {
			c.warn(d.key, fmt.Sprintf("The command %s is not used by any job", d.title()), "")
		}
		c.sampled(d, func(given map[string]*document.Node) {
			values, _ := c.arguments(d.parameters, given, nil, d.key)
			c.steps(c.substituteSteps(d.node.Get("steps"), scope{parameters: values}), 1)
		})
	}
	for _, d := range ordered(c.executors) {
		if !d.used {
			c.warn(d.key, fmt.Sprintf("The executor %s is not used by any job", d.title()), "")
		}
		c.sampled(d, func(given map[string]*document.Node) {
			values, _ := c.arguments(d.parameters, given, nil, d.key)
			c.surroundings(c.substituteBody(d.node, scope{parameters: values}))
		})
	}
}

// sampled reads a definition that nothing has read yet with made-up arguments.
func (c *compiler) sampled(d *definition, read func(given map[string]*document.Node)) {
	if d.read {
		return
	}
	given := samples(d.parameters)
	if len(given) == 0 {
		read(given)
		return
	}
	c.unsurely(func() { read(given) })
}

// ordered returns definitions by name, so that results do not depend on the
// order of a map.
func ordered(definitions map[string]*definition) []*definition {
	list := make([]*definition, 0, len(definitions))
	for _, d := range definitions {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *definition) int { return strings.Compare(a.name, b.name) })
	return list
}
