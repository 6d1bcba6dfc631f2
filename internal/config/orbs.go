// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"

	"github.com/muster-ci/muster/internal/config/document"
)

// orbKeys are the keys of an orb. Other keys are free, as in a config: they
// hold anchors.
var orbKeys = []string{"commands", "description", "display", "examples", "executors", "jobs", "orbs", "version"}

// configOnly are keys that mean something at the top of a config and nothing in
// an orb, so that whoever writes them there expects what will not happen.
var configOnly = []string{"job-groups", "parameters", "setup", "workflows"}

// readElements reads what the current module defines, its orbs first.
func (c *compiler) readElements() {
	c.readOrbs(c.root.Get("orbs"))
	c.executors = c.definitions("executors", executorKeys)
	c.commands = c.definitions("commands", commandKeys)
	c.jobs = c.definitions("jobs", jobKeys)
	c.readJobOrder()
}

// readOrbs reads the `orbs:` of the current module.
func (c *compiler) readOrbs(n *document.Node) {
	if n == nil || n.Kind == document.Null {
		return
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return
	}
	c.orbs = make(map[string]*module, len(n.Keys))
	for i, key := range n.Keys {
		c.orbs[key.Text] = c.orb(key.Text, n.Items[i], n.KeyAt(i))
	}
}

// orb returns the module that an entry of `orbs:` names, nil after a mistake.
func (c *compiler) orb(alias string, n, place *document.Node) *module {
	switch n.Kind {
	case document.Map:
		return c.inlineOrb(alias, n)
	case document.String:
		c.fail(place, "Orbs of a registry are not supported by Muster yet", "until they are: copy the orb's elements below its alias")
	default:
		c.fail(n, "expected an orb, found: "+n.Kind.String(), "write namespace/orb@version, or the orb's jobs, commands and executors below its alias")
	}
	return nil
}

// inlineOrb reads an orb that stands in the text itself.
func (c *compiler) inlineOrb(alias string, n *document.Node) *module {
	m := c.newModule(n, c.inner(alias))
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
			if near := suggest(name, orbKeys); near != "" {
				c.warn(c.root.KeyAt(i), fmt.Sprintf("The key [%s] has no meaning", clip(name)), near)
			}
		}
	}
}
