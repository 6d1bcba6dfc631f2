// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"fmt"
	"strings"

	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// module is the file or an orb that stands in it. The elements of an orb become
// the file's own, under the names by which the file calls them, `orb/name`;
// HCL has one namespace, so that each name is resolved here.
type module struct {
	prefix  string // of its elements' names: "" for the file, "orb/", "orb/inner/"
	root    *document.Node
	inline  map[string]*module
	imports map[string]string // alias here -> alias in the file
}

// modules reads the orbs of a module, writes an import for each that is not in
// the text, and learns the parameters of all others.
func (c *converter) modules(prefix string, root *document.Node) *module {
	m := &module{prefix: prefix, root: root, inline: map[string]*module{}, imports: map[string]string{}}
	for _, section := range []string{"commands", "jobs", "executors"} {
		each(root.Get(section), func(name string, n *document.Node) {
			key := section + "/" + prefix + name
			if _, taken := c.kinds[key]; taken {
				c.fail(n, fmt.Sprintf("There are two %s named %s%s", section, prefix, name), "rename the one that is not of the orb")
			}
			c.learn(key, n)
		})
	}
	c.section(root, "orbs", func(n *document.Node) { c.entries(n, func(alias string, n *document.Node) { c.orb(m, alias, n) }) })
	return m
}

// orb reads an inline orb, or writes the import of another.
func (c *converter) orb(m *module, alias string, n *document.Node) {
	prefix := m.prefix
	if n.Kind == document.Map {
		m.inline[alias] = c.modules(prefix+alias+"/", n)
		return
	}
	if m.imports[alias] = alias; prefix != "" {
		m.imports[alias] = c.free(prefix + alias)
	}
	c.gap()
	c.block("import", []string{m.imports[alias]}, func() { c.attribute("source", c.value(n)) })
}

// free returns an alias for an orb of an orb. Those of the file keep theirs.
func (c *converter) free(name string) string {
	name = strings.ReplaceAll(name, "/", "-")
	for c.aliases[name] {
		name += "-"
	}
	c.aliases[name] = true
	return name
}

// elements writes what a module and the orbs in it define.
func (c *converter) elements(m *module) {
	defer c.enter(m)()
	c.section(m.root, "executors", func(n *document.Node) { c.entries(n, c.executor) })
	c.section(m.root, "commands", func(n *document.Node) { c.entries(n, c.command) })
	c.section(m.root, "jobs", func(n *document.Node) { c.entries(n, c.job) })
	each(m.root.Get("orbs"), func(alias string, n *document.Node) {
		if inner := m.inline[alias]; inner != nil {
			c.item(n, func() { c.elements(inner) })
		}
	})
}

// enter makes m the module that names belong to, until leave is called.
func (c *converter) enter(m *module) (leave func()) {
	before := c.module
	c.module = m
	return func() { c.module = before }
}

// called is the name in the file of what this module calls by a name.
func (c *converter) called(section string, n *document.Node, name string) string {
	m := c.module
	if m.root.Get(section).Get(name) != nil {
		return m.prefix + name
	}
	if alias, rest, ok := strings.Cut(name, "/"); ok {
		switch {
		case m.inline[alias] != nil:
			return m.inline[alias].prefix + rest
		case m.imports[alias] != "":
			return m.imports[alias] + "/" + rest
		}
	}
	if _, taken := c.kinds[section+"/"+name]; taken && m.prefix != "" {
		c.fail(n, fmt.Sprintf("The file has a name of its own for what the orb means by %s", name), "rename it among the "+section+" of the file")
	}
	return name
}

// executorName writes the name of an executor, which a text may put together.
func (c *converter) executorName(n *document.Node) string {
	if !c.reuse || !n.Template {
		return quote(c.called("executors", n, n.Text))
	}
	pieces, ok := config.Pieces(n.Text)
	only, isWhole := whole(pieces)
	// What was handed in is a name for the caller, and is resolved there.
	if !ok || c.module.prefix == "" || isWhole && c.kind(nameOf(only)) == "executor" {
		return c.value(n)
	}
	if len(c.module.imports) > 0 {
		c.fail(n, "An executor's name that an inline orb puts together has no counterpart in HCL where the orb has orbs of a registry", "write the name out")
	}
	return `"` + escapes.Replace(c.module.prefix) + c.pieces(n, pieces, escapes) + `"`
}

// override says which job a call runs where `override-with` names an orb in the
// text, and whether it was said by that.
func (c *converter) override(name string, body *document.Node) (job string, said bool) {
	at := body.Get("override-with")
	if at == nil || at.Template && c.reuse {
		return name, false
	}
	alias, rest, _ := strings.Cut(at.Text, "/")
	orb := c.module.inline[alias]
	switch {
	case orb == nil:
		return name, false
	case orb.root.Get("jobs").Get(rest) == nil:
		return name, true // it has none, so that the listed job stays
	}
	return orb.prefix + rest, true
}
