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

// module is a namespace of the language: the file itself, or an orb. Names are
// lexical. What stands in a module sees the module's own elements, the modules
// that it names under `orbs:`, and the built-in steps; never those of whoever
// called it.
type module struct {
	// name is how messages call it: "" for the file, else the aliases that led
	// to it, "node" or "node/tools".
	name string
	id   int            // from 1
	root *document.Node // the mapping that holds its elements

	parameters map[string]*document.Node // of the pipeline, resolved; an orb sees none
	jobs       map[string]*definition
	executors  map[string]*definition
	commands   map[string]*definition
	orbs       map[string]*orbAlias
	jobOrder   []string            // as in the text
	names      map[string][]string // by kind, for suggestions
	inline     bool                // it stands in the text of another module
}

// definition is a job, an executor or a command as its module has it.
type definition struct {
	owner      *module
	name       string
	node       *document.Node
	key        *document.Node // the place of its name
	parameters []parameter
	used       bool // called by something
	read       bool // its body was, so that its mistakes are known
	// job is what a job without parameters expands to, whoever calls it.
	job *core.JobPlan
	// made is what an executor expands to, by its arguments.
	made map[string]surroundings
	// names and plans are a job's parameters, and what it expands to, by their
	// values.
	names []string
	plans map[string]readJob
	line  string // what calling returns, made when first needed
}

// newModule makes the module whose elements a mapping holds.
func (c *compiler) newModule(root *document.Node, name string) *module {
	m := &module{name: name, id: 1 + len(c.modules), root: root}
	if c.modules == nil {
		c.modules = map[*document.Node]*module{}
	}
	c.modules[root] = m
	return m
}

// title is how messages call a definition: with its orb's name.
func (d *definition) title() string {
	if d.owner.name == "" {
		return clip(d.name)
	}
	return clip(d.owner.name + "/" + d.name)
}

// calling is the line that tells in whose call a mistake is.
func (d *definition) calling(kind string) string {
	if d.line == "" {
		d.line = fmt.Sprintf("Error calling %s: '%s'", kind, d.title())
	}
	return d.line
}

// section returns the definitions of a kind.
func (m *module) section(kind string) map[string]*definition {
	switch kind {
	case "job":
		return m.jobs
	case "executor":
		return m.executors
	default:
		return m.commands
	}
}

// enter makes m the module whose text is being read, until the function that it
// returns is called.
func (c *compiler) enter(m *module) (leave func()) {
	before := c.module
	if m == before {
		return func() {}
	}
	c.module = m
	return func() { c.module = before }
}

// ownerOf returns the module in which the names of a value are looked up: that
// of whoever gave it as an argument, else the one that is being read.
func (c *compiler) ownerOf(n *document.Node) *module {
	if n != nil && n.Owner != nil {
		return c.modules[n.Owner]
	}
	return c.module
}

// handed marks an argument that holds names with the module that gives it.
// Other values mean the same everywhere.
func (c *compiler) handed(p parameter, n *document.Node) *document.Node {
	if n.Owner != nil || p.kind != "steps" && p.kind != "executor" {
		return n
	}
	return n.OwnedBy(c.module.root)
}

// known returns the names of a section in order, sorted once for many mistakes.
func (m *module) known(kind string) []string {
	if names, ok := m.names[kind]; ok {
		return names
	}
	names := slices.Sorted(maps.Keys(m.section(kind)))
	if m.names == nil {
		m.names = map[string][]string{}
	}
	m.names[kind] = names
	return names
}

// peek looks for a definition of the module or of one of its orbs, nil when
// there is none, which is no mistake: there are built-in steps, and jobs that
// stand in for others.
func (c *compiler) peek(kind, name string) *definition {
	d := c.section(kind)[name]
	if alias, rest, ok := strings.Cut(name, "/"); d == nil && ok {
		if orb := c.orbs[alias]; orb != nil && orb.module != nil {
			orb.used = true
			d = orb.module.section(kind)[rest]
		}
	}
	if d != nil {
		d.used = true
	}
	return d
}

// find looks a definition up in the module that is being read, and in its orbs,
// and tells when it is not there.
func (c *compiler) find(kind, name string, place *document.Node) *definition {
	if d := c.peek(kind, name); d != nil {
		return d
	}
	m, rest, prefix := c.module, name, ""
	if alias, after, ok := strings.Cut(name, "/"); ok {
		if orb := c.orbs[alias]; orb != nil {
			orb.used = true
			if orb.module == nil {
				return nil // it could not be had, which was told
			}
			m, rest, prefix = orb.module, after, alias+"/"
		}
	}
	c.notFound(m, kind, rest, prefix, place)
	return nil
}

// notFound tells that a module has no such definition. The prefix is the alias
// under which the module that is being read knows it.
func (c *compiler) notFound(m *module, kind, name, prefix string, place *document.Node) {
	switch {
	case len(c.errors) >= maxErrors:
		c.more++
		return
	case m.root.Get(kind+"s").Find(name) >= 0:
		return // it is there and broken, which was told
	}
	names := m.known(kind)
	way := c.near(name, names)
	switch {
	case way != "" && prefix != "":
		way = strings.Replace(way, "\"", "\""+prefix, 1)
	case way != "":
	case strings.Contains(name, "/") && prefix == "":
		way = c.unknownAlias(name)
	case prefix != "" && len(names) == 0:
		way = fmt.Sprintf("the orb %s defines no %ss", strings.TrimSuffix(prefix, "/"), kind)
	case prefix != "":
		way = fmt.Sprintf("the orb %s defines: %s", strings.TrimSuffix(prefix, "/"), listed(names))
	case len(names) > 0 && m.name != "":
		way = fmt.Sprintf("the orb %s sees only its own: %s", clip(m.name), listed(names))
	case len(names) > 0:
		way = "this file defines: " + listed(names)
	default:
		way = fmt.Sprintf("define it under %ss:", kind)
		if kind != "job" && !c.reuse {
			way += ", which needs version: 2.1"
		}
	}
	c.fail(place, fmt.Sprintf("Cannot find a definition for %s named %s", kind, clip(prefix+name)), way)
}

// unknownAlias says what to do about a name with a slash whose first part names
// no orb.
func (c *compiler) unknownAlias(name string) string {
	alias, _, _ := strings.Cut(name, "/")
	aliases := slices.Sorted(maps.Keys(c.orbs))
	if near := suggest(alias, aliases); near != "" {
		return near
	}
	way := "no orb is called " + clip(alias) + " here; name it under orbs:"
	if c.module.name != "" {
		way += " of the orb " + clip(c.module.name) + ", which sees its own orbs only"
	}
	if len(aliases) > 0 {
		way += " (it has " + listed(aliases) + ")"
	}
	return way
}
