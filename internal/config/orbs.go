// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/muster-ci/muster/internal/config/document"
)

// orbKeys are the keys of an orb. Other keys are free, as in a config: they
// hold anchors.
var orbKeys = []string{"commands", "description", "display", "examples", "executors", "jobs", "orbs", "version"}

// configOnly are keys that mean something at the top of a config and nothing in
// an orb, so that whoever writes them there expects what will not happen.
var configOnly = []string{"job-groups", "parameters", "setup", "workflows"}

// orbAlias is an entry of `orbs:`.
type orbAlias struct {
	module *module // nil for an orb that could not be had, which was told
	used   bool
}

// readElements reads what the current module defines, its orbs first.
func (c *compiler) readElements() {
	c.readOrbs(nil)
	c.executors = c.definitions("executors", executorKeys)
	c.commands = c.definitions("commands", commandKeys)
	c.jobs = c.definitions("jobs", jobKeys)
	c.readJobOrder()
}

// readOrbs reads the `orbs:` of the current module. Known are the inline ones
// where they have been read before.
func (c *compiler) readOrbs(known map[string]*orbAlias) {
	n := c.root.Get("orbs")
	if n == nil || n.Kind == document.Null {
		return
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return
	}
	c.orbs = make(map[string]*orbAlias, len(n.Keys))
	for i, key := range n.Keys {
		alias, value := key.Text, n.Items[i]
		entry := &orbAlias{}
		switch {
		case known[alias] != nil && known[alias].module != nil:
			entry.module = c.instance(known[alias].module, c.inner(alias))
		case value.Kind == document.Map:
			entry.module = c.inlineOrb(alias, value)
		case value.Kind == document.String && c.loader == nil:
			// A source is read without what it refers to: see orbSource.
		case value.Kind == document.String:
			entry.module = c.referredOrb(alias, value)
		default:
			c.fail(value, "expected an orb, found: "+value.Kind.String(),
				"write namespace/orb@version, or the orb's jobs, commands and executors below its alias")
		}
		c.orbs[alias] = entry
	}
}

// inlineOrb reads an orb that stands in the text itself.
func (c *compiler) inlineOrb(alias string, n *document.Node) *module {
	m := c.newModule(n, c.inner(alias))
	m.inline = true
	defer c.enter(m)()
	c.checkOrbKeys()
	c.readElements()
	return m
}

// inner names a module by the aliases that lead to it.
func (c *compiler) inner(alias string) string {
	if c.module.name == "" {
		return alias
	}
	return c.module.name + "/" + alias
}

// checkOrbKeys looks at the top level of an orb.
func (c *compiler) checkOrbKeys() {
	for i, key := range c.root.Keys {
		switch name := key.Text; {
		case slices.Contains(orbKeys, name):
		case slices.Contains(configOnly, name):
			c.fail(c.root.KeyAt(i), fmt.Sprintf("extraneous key [%s] is not permitted", name), "an orb holds no such thing; "+permittedKeys(orbKeys))
		default:
			if near := c.near(name, orbKeys); near != "" {
				c.warn(c.root.KeyAt(i), fmt.Sprintf("The key [%s] has no meaning", clip(name)), near)
			}
		}
	}
}

// instance makes a module of this compilation out of one that was read before
// and is shared: the marks of what was used are of one compilation.
func (c *compiler) instance(from *module, name string) *module {
	m := c.newModule(from.root, name)
	m.inline, m.jobOrder = from.inline, from.jobOrder
	defer c.enter(m)()
	c.readOrbs(from.orbs)
	m.executors = c.instances(from.executors, "executors")
	m.commands = c.instances(from.commands, "commands")
	m.jobs = c.instances(from.jobs, "jobs")
	return m
}

func (c *compiler) instances(from map[string]*definition, section string) map[string]*definition {
	if from == nil {
		return nil
	}
	to, slab := make(map[string]*definition, len(from)), make([]definition, 0, len(from))
	// In order, since reading declarations may tell mistakes.
	for _, name := range slices.Sorted(maps.Keys(from)) {
		d := from[name]
		slab = append(slab, definition{owner: c.module, name: name, node: d.node, key: d.key, parameters: d.parameters})
		fresh := &slab[len(slab)-1]
		// Defaults may hold pipeline values, which differ between compilations.
		if declared := d.node.Get("parameters"); declared != nil && declared.Template {
			fresh.parameters = c.declarations(declared, section)
		}
		to[name] = fresh
	}
	return to
}

// warnUnusedOrbs tells which orbs of the current module nothing is called of.
func (c *compiler) warnUnusedOrbs() {
	orbs := c.root.Get("orbs")
	for _, alias := range slices.Sorted(maps.Keys(c.orbs)) {
		if entry := c.orbs[alias]; entry.module != nil && !entry.used {
			c.warn(orbs.KeyAt(orbs.Find(alias)), fmt.Sprintf("The orb %s is not used", clip(c.inner(alias))), "call something of it, or remove it")
		}
	}
}
