// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// steps expands a list of steps whose references are replaced. depth counts the
// commands around it.
func (c *compiler) steps(n *document.Node, depth int) []core.StepPlan {
	if n == nil {
		return nil
	}
	if n.Kind != document.List {
		c.wrongType(n, document.List)
		return nil
	}
	defer c.enter(c.ownerOf(n))()
	plans := make([]core.StepPlan, 0, len(n.Items))
	for _, item := range n.Items {
		plans = c.rememberedStep(plans, item, depth)
	}
	return plans
}

// step expands one step, which is a name or a mapping with one key. A command
// of the file wins over a built-in step of the same name.
func (c *compiler) step(plans []core.StepPlan, n *document.Node, depth int) []core.StepPlan {
	name, arguments, place := n.Text, (*document.Node)(nil), n
	switch {
	case n.Kind == document.String:
	case n.Kind == document.List && n.Derived:
		// - << parameters.steps >> does what - steps: << parameters.steps >> does.
		return append(plans, c.steps(n, depth)...)
	case n.Kind == document.Map && len(n.Keys) == 1:
		name, arguments, place = n.Keys[0].Text, n.Items[0], n.KeyAt(0)
	case n.Kind == document.Map && len(n.Keys) > 1 && c.standsAlone(n):
		name, place = n.Keys[0].Text, n.KeyAt(0)
		c.warnSiblings(n)
	case n.Kind == document.Map && len(n.Keys) > 1:
		c.manyKeys(n)
		return plans
	default:
		c.fail(n, "expected a step, found: "+n.Kind.String(), "write - checkout, or - run: command")
		return plans
	}
	if d := c.peek("command", name); d != nil {
		return append(plans, c.call(d, arguments, place, depth)...)
	}
	read := builtinSteps[name]
	switch {
	case read != nil:
		if p, ok := read(c, arguments, place); ok {
			plans = append(plans, p)
		}
	case name == "when" || name == "unless":
		plans = append(plans, c.conditional(name, arguments, place, depth)...)
	case name == "steps":
		plans = append(plans, c.spliced(arguments, place, depth)...)
	case name == "with_tool_cache":
		plans = append(plans, c.steps(c.toolCacheSteps(arguments, place), depth)...)
	default:
		c.unknownStep(name, place)
	}
	c.spend(place, 1, 0)
	return plans
}

// builtinSteps reads the steps that become one step of the plan. The readers
// get what stands below the name, nil when nothing does, and the name's place.
var builtinSteps = map[string]func(c *compiler, n, place *document.Node) (core.StepPlan, bool){
	"add_ssh_keys":           (*compiler).addSSHKeys,
	"attach_workspace":       (*compiler).attachWorkspace,
	"checkout":               (*compiler).checkout,
	"deploy":                 (*compiler).deploy,
	"install_signing_bundle": (*compiler).installSigningBundle,
	"persist_to_workspace":   (*compiler).persistToWorkspace,
	"restore_cache":          (*compiler).restoreCache,
	"run":                    (*compiler).run,
	"save_cache":             (*compiler).saveCache,
	"setup_remote_docker":    (*compiler).setupRemoteDocker,
	"store_artifacts":        (*compiler).storeArtifacts,
	"store_test_results":     (*compiler).storeTestResults,
}

// stepNames are all names of steps that need no definition.
var stepNames = append(slices.Sorted(maps.Keys(builtinSteps)), "steps", "unless", "when", "with_tool_cache")

// standsAlone tells whether a step's keys stand at the level of its name, and
// the step does without them.
func (c *compiler) standsAlone(n *document.Node) bool {
	name := n.Keys[0].Text
	known := c.peek("command", name) != nil || slices.Contains([]string{"add_ssh_keys", "checkout", "install_signing_bundle", "setup_remote_docker"}, name)
	return known && n.Items[0].Kind == document.Null
}

// warnSiblings says of such keys what CircleCI does with them.
func (c *compiler) warnSiblings(n *document.Node) {
	names := make([]string, 0, len(n.Keys)-1)
	for _, key := range n.Keys[1:] {
		names = append(names, clip(key.Text))
	}
	c.warn(n.KeyAt(1), fmt.Sprintf("Step '%s' has %d sibling key(s) at the same indentation (%s), which are ignored", clip(n.Keys[0].Text), len(names), listed(names)),
		"indent them further, below the step's name")
}

// manyKeys explains the usual reason for a step with several keys.
func (c *compiler) manyKeys(n *document.Node) {
	way := "a step is a mapping with one key, its name; indent the lines below it further"
	if i := n.Find("run"); i >= 0 && n.Items[i].Kind == document.Null {
		way = "indent the lines below \"run:\" by two more spaces"
	}
	names := make([]string, 0, len(n.Keys))
	for _, key := range n.Keys {
		names = append(names, clip(key.Text))
	}
	c.fail(n, "expected a step with one key, found: "+listed(names), way)
}

func (c *compiler) unknownStep(name string, place *document.Node) {
	if near := suggest(name, stepNames); near != "" && c.near(name, c.known("command")) == "" {
		c.fail(place, "Cannot find a definition for command named "+clip(name), near)
		return
	}
	c.find("command", name, place)
}

// conditional expands a when or unless step, and checks the steps that it
// leaves out as well.
func (c *compiler) conditional(kind string, n, place *document.Node, depth int) []core.StepPlan {
	if !c.reuse {
		c.fail(place, "Cannot find a definition for command named "+kind, "conditional steps need version: 2.1")
		return nil
	}
	if n == nil {
		n = place
	}
	if !c.fields(n, whenKeys) || n.Get("condition") == nil {
		return nil
	}
	holds := c.condition(n.Get("condition"), 0)
	if holds == (kind == "when") {
		return c.conditionalSteps(n.Get("steps"), depth)
	}
	c.unsurely(func() { c.conditionalSteps(n.Get("steps"), depth) })
	return nil
}

// conditionalSteps takes one step for a list of one, as CircleCI does.
func (c *compiler) conditionalSteps(n *document.Node, depth int) []core.StepPlan {
	if n != nil && n.Kind != document.List && n.Kind != document.Null {
		return c.step(nil, n, depth)
	}
	return c.steps(n, depth)
}

// spliced expands a `steps` step: a list that came in as a parameter.
func (c *compiler) spliced(n, place *document.Node, depth int) []core.StepPlan {
	if n == nil {
		c.fail(place, "the step steps needs a list", "write - steps: << parameters.name >>")
		return nil
	}
	return c.steps(n, depth)
}
