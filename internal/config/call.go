// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// call expands a command of the module or of one of its orbs. The arguments
// belong to the caller, the steps to the command's module.
func (c *compiler) call(d *definition, n, place *document.Node, depth int) []core.StepPlan {
	d.used = true
	if depth >= maxCallDepth {
		c.fail(place, fmt.Sprintf("Commands call one another more than %d levels deep; that is the limit", maxCallDepth), "look for a command that calls itself")
		panic(stopped{})
	}
	given, names, ok := c.given(n)
	if !ok {
		return nil
	}
	var plans []core.StepPlan
	c.within(d.calling("command"), func() {
		values, ok := c.arguments(d.parameters, given, names, place)
		if !ok {
			return
		}
		d.read = true
		defer c.enter(d.owner)()
		plans = c.steps(c.substituteSteps(d.node.Get("steps"), scope{parameters: values}), depth+1)
		c.giveBack(values)
	})
	c.spend(place, 1, 0)
	return plans
}

// calledJob returns the definition that an invocation runs: the orb's job that
// `override-with` names where there is one, else the job that is listed.
func (c *compiler) calledJob(i *invocation, keys *document.Node) *definition {
	at := keys.Get("override-with")
	if c.text(at) == "" {
		return c.find("job", i.called, i.place)
	}
	alias, _, ok := strings.Cut(at.Text, "/")
	switch {
	case !ok:
		c.fail(at, fmt.Sprintf("%q names no job of an orb", clip(at.Text)), "write override-with: orb/job, with the orb's name under orbs:")
	case c.orbs[alias] == nil:
		c.warn(at, fmt.Sprintf("No orb is called %s here, so that the job %s keeps its own definition", clip(alias), clip(i.called)), c.unknownAlias(at.Text))
	default:
		if d := c.peek("job", at.Text); d != nil {
			c.peek("job", i.called) // is in use all the same
			return d
		}
	}
	return c.find("job", i.called, i.place)
}

// given reads the arguments of a command's call.
func (c *compiler) given(n *document.Node) (map[string]*document.Node, []string, bool) {
	if n == nil || n.Kind == document.Null {
		return nil, nil, true
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return nil, nil, false
	}
	given, names := make(map[string]*document.Node, len(n.Keys)), make([]string, 0, len(n.Keys))
	for i, key := range n.Keys {
		given[key.Text] = n.Items[i]
		names = append(names, key.Text)
	}
	return given, slices.Clip(names), true
}

// namedExecutor reads `executor: name` or a mapping with name and arguments.
func (c *compiler) namedExecutor(n *document.Node) (surroundings, bool) {
	name, given, names := n, map[string]*document.Node{}, []string(nil)
	if n.Kind == document.Map {
		name = n.Get("name")
		if name == nil {
			c.fail(n, "required key [name] not found", "write executor: {name: ...} and the executor's arguments beside it")
			return surroundings{}, false
		}
		for i, key := range n.Keys {
			if key.Text != "name" {
				given[key.Text] = n.Items[i]
				names = append(names, key.Text)
			}
		}
	}
	d := c.executor(n, name)
	if d == nil {
		return surroundings{}, false
	}
	var s surroundings
	read := false
	c.within(d.calling("executor"), func() {
		values, ok := c.arguments(d.parameters, given, names, n)
		if !ok {
			return
		}
		d.read, read = true, true
		defer c.enter(d.owner)()
		s = c.madeExecutor(d, values)
		c.giveBack(values)
	})
	return s, read
}

// madeExecutor expands an executor, once for each choice of arguments: jobs of
// a matrix share a few. Nobody may change what is returned.
func (c *compiler) madeExecutor(d *definition, values map[string]*document.Node) surroundings {
	var key strings.Builder
	for _, p := range d.parameters {
		printNode(&key, values[p.name])
	}
	if made, ok := d.made[key.String()]; ok {
		return made
	}
	before := len(c.errors) + c.more
	s := c.surroundings(c.substituteBody(d.node, scope{parameters: values}))
	s.name = d.title()
	if len(c.errors)+c.more == before {
		if d.made == nil {
			d.made = map[string]surroundings{}
		}
		d.made[key.String()] = s
	}
	return s
}

// executor looks an executor up where its name was written: in the module of
// the caller who gave it as an argument, else in this one.
func (c *compiler) executor(n, name *document.Node) *definition {
	at := name
	if name.Owner == nil {
		at = n
	}
	defer c.enter(c.ownerOf(at))()
	return c.find("executor", c.text(name), name)
}
