// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/internal/config/document"
)

// callAttributes stand beside the arguments of a job.
var callAttributes = []string{
	"condition", "context", "filters", "for_each", "matrix", "name", "override_with", "post_steps", "pre_steps", "requires",
	"serial_group", "type",
}

// invocation is one entry of a workflow: a round of a call.
type invocation struct {
	called  string
	place   hcl.Range
	entries []document.Entry // without requires
	// requires is written when all names are known: a job that matrix or
	// for_each repeats is required as a whole.
	requires *document.Node
	at       hcl.Pos
}

// calls are the entries of one workflow or job group.
type calls struct {
	*reader
	list  []invocation
	names map[string][]string // of a repeated job's rounds, by its alias
}

func (r *reader) workflows(blocks []*hclsyntax.Block) []document.Entry {
	var entries []document.Entry
	for _, block := range blocks {
		at := block.LabelRanges[0].Start
		if slices.ContainsFunc(entries, func(e document.Entry) bool { return e.Key.Text == block.Labels[0] }) {
			r.fail(block.LabelRanges[0], fmt.Sprintf("There is a workflow named %q already", block.Labels[0]), "rename one of them")
		}
		list := r.plain(block.Body, r.scope, "condition", "job", "approval", "schedule")
		if !r.condition(block.Body, r.scope) {
			list = append(list, entry("when", at.Line, at.Column, document.NewScalar(document.Bool, "false", at.Line, at.Column)))
		}
		list = append(list, r.schedules(block)...)
		list = append(list, entry("jobs", at.Line, at.Column, r.calls(block)))
		entries = append(entries, entry(block.Labels[0], at.Line, at.Column, document.NewMap(at.Line, at.Column, list)))
	}
	return entries
}

// schedules are the times at which a workflow runs, instead of on a push.
func (r *reader) schedules(block *hclsyntax.Block) []document.Entry {
	var triggers []*document.Node
	at := block.TypeRange.Start
	for _, inner := range block.Body.Blocks {
		if inner.Type != "schedule" || !r.labelled(inner, 0) {
			continue
		}
		at := inner.TypeRange.Start
		one := entry("schedule", at.Line, at.Column, r.mapping(inner, r.scope))
		triggers = append(triggers, document.NewMap(at.Line, at.Column, []document.Entry{one}))
	}
	if len(triggers) == 0 {
		return nil
	}
	return []document.Entry{entry("triggers", at.Line, at.Column, document.NewList(at.Line, at.Column, triggers))}
}

func (r *reader) jobGroups(blocks []*hclsyntax.Block) []document.Entry {
	var entries []document.Entry
	for _, block := range blocks {
		at := block.LabelRanges[0].Start
		list := append(r.plain(block.Body, r.scope, "job", "approval"), entry("jobs", at.Line, at.Column, r.calls(block)))
		entries = append(entries, entry(block.Labels[0], at.Line, at.Column, document.NewMap(at.Line, at.Column, list)))
	}
	return entries
}

// calls reads the job and approval blocks of a workflow or a group.
func (r *reader) calls(block *hclsyntax.Block) *document.Node {
	c := &calls{reader: r, names: map[string][]string{}}
	for _, inner := range block.Body.Blocks {
		switch inner.Type {
		case "job":
			if r.labelled(inner, 1) {
				c.job(inner)
			}
		case "approval":
			if r.labelled(inner, 1) {
				c.approval(inner)
			}
		}
	}
	at := block.TypeRange.Start
	nodes := make([]*document.Node, 0, len(c.list))
	for _, i := range c.list {
		nodes = append(nodes, c.write(i))
	}
	return document.NewList(at.Line, at.Column, nodes)
}

// write makes the entry of a call.
func (c *calls) write(i invocation) *document.Node {
	at := i.place.Start
	if i.requires != nil {
		i.entries = append(i.entries, entry("requires", i.at.Line, i.at.Column, c.required(i.requires)))
	}
	if len(i.entries) == 0 {
		return document.NewScalar(document.String, i.called, at.Line, at.Column)
	}
	return document.NewMap(at.Line, at.Column, []document.Entry{
		entry(i.called, at.Line, at.Column, document.NewMap(at.Line, at.Column, i.entries)),
	})
}

// required writes the names of a repeated job's rounds in place of its alias.
func (c *calls) required(n *document.Node) *document.Node {
	if n.Kind != document.List {
		return n
	}
	var items []*document.Node
	for _, item := range n.Items {
		switch {
		case item.Kind == document.String && c.names[item.Text] != nil:
			for _, name := range c.names[item.Text] {
				items = append(items, document.NewScalar(document.String, name, item.Line, item.Column))
			}
		case item.Kind == document.Map:
			items = append(items, c.requiredStatus(item)...)
		default:
			items = append(items, item)
		}
	}
	c.budget.spend(len(items))
	return document.NewList(n.Line, n.Column, items)
}

func (c *calls) requiredStatus(item *document.Node) []*document.Node {
	var items []*document.Node
	for k, key := range item.Keys {
		names := c.names[key.Text]
		if names == nil {
			names = []string{key.Text}
		}
		for _, name := range names {
			one := entry(name, item.Line, item.Column, item.Items[k])
			items = append(items, document.NewMap(item.Line, item.Column, []document.Entry{one}))
		}
	}
	return items
}

func (c *calls) approval(block *hclsyntax.Block) {
	at := block.LabelRanges[0].Start
	i := invocation{called: block.Labels[0], place: block.LabelRanges[0]}
	i.entries = append(c.plain(block.Body, c.scope, "condition", "requires"),
		entry("type", at.Line, at.Column, document.NewScalar(document.String, "approval", at.Line, at.Column)))
	c.requires(&i, block, c.scope)
	c.switched(&i, block, c.scope)
	c.list = append(c.list, i)
}

// job reads one call, which matrix or for_each may make several of.
func (c *calls) job(block *hclsyntax.Block) {
	name := block.Labels[0]
	j := c.jobs[name]
	rounds, alias := c.rounds(block)
	for _, round := range rounds {
		i := invocation{called: name, place: block.LabelRanges[0]}
		i.entries = c.plain(block.Body, round.ctx, c.skipped(block, j)...)
		for _, part := range []string{"pre_steps", "post_steps"} {
			i.entries = append(i.entries, c.stepsBeside(block, part, round.ctx)...)
		}
		asked := c.asked(block, round)
		if j != nil {
			bound, ok := c.bind(j.parameters, c.jobArguments(block, round.ctx), block.LabelRanges[0])
			if !ok {
				continue
			}
			i.called = c.define(name, asked, j, bound)
		} else {
			for _, a := range c.stepArguments(block, round.ctx, 0) {
				i.entries = append(i.entries, entry(a.name, a.place.Start.Line, a.place.Start.Column, c.node(a.value, a.place)))
			}
		}
		if i.called != asked {
			at := block.LabelRanges[0].Start
			i.entries = append(i.entries, entry("name", at.Line, at.Column, document.NewScalar(document.String, asked, at.Line, at.Column)))
		}
		if round.key != "" {
			c.names[alias] = append(c.names[alias], asked)
		}
		c.requires(&i, block, round.ctx)
		c.switched(&i, block, round.ctx)
		c.list = append(c.list, i)
	}
}

// skipped are what plain leaves to others: what has a meaning of its own here,
// and the arguments of a job of this file.
func (c *calls) skipped(block *hclsyntax.Block, j *job) []string {
	skip := []string{"condition", "for_each", "matrix", "name", "requires", "steps", "pre_steps", "post_steps"}
	if j == nil {
		return skip
	}
	for _, attr := range attributes(block.Body) {
		if !slices.Contains(callAttributes, attr.Name) {
			skip = append(skip, attr.Name)
		}
	}
	return skip
}

func (c *calls) jobArguments(block *hclsyntax.Block, ctx *hcl.EvalContext) []argument {
	return append(c.arguments(block, ctx, callAttributes), c.stepArguments(block, ctx, 0)...)
}

// stepsBeside reads pre_steps and post_steps.
func (c *calls) stepsBeside(block *hclsyntax.Block, name string, ctx *hcl.EvalContext) []document.Entry {
	var entries []document.Entry
	for _, inner := range block.Body.Blocks {
		if inner.Type != name || !c.labelled(inner, 0) {
			continue
		}
		at := inner.TypeRange.Start
		nodes := c.stepsOnly(inner.Body, ctx, 0)
		entries = append(entries, entry(keyName(name), at.Line, at.Column, document.NewList(at.Line, at.Column, nodes)))
	}
	return entries
}

// asked is the name of a round: the one given, else the job's, to which a
// repeated job adds what differs.
func (c *calls) asked(block *hclsyntax.Block, round iteration) string {
	if attr := block.Body.Attributes["name"]; attr != nil {
		if v, ok := c.value(attr.Expr, round.ctx); ok {
			text, isText := plainText(v)
			if !isText || text == "" {
				c.fail(attr.Expr.Range(), "A name is a text, not "+friendly(v), "")
			}
			return text
		}
	}
	if round.key != "" {
		return block.Labels[0] + "-" + round.key
	}
	return block.Labels[0]
}

// requires evaluates the attribute.
func (c *calls) requires(i *invocation, block *hclsyntax.Block, ctx *hcl.EvalContext) {
	attr := block.Body.Attributes["requires"]
	if attr == nil {
		return
	}
	if v, ok := c.value(attr.Expr, ctx); ok {
		i.requires, i.at = c.node(v, attr.Expr.Range()), attr.NameRange.Start
	}
}

// switched leaves a job whose condition is false in the workflow, filtered out:
// it is checked like the others, and what requires it runs without it.
func (c *calls) switched(i *invocation, block *hclsyntax.Block, ctx *hcl.EvalContext) {
	if c.condition(block.Body, ctx) {
		return
	}
	at := block.LabelRanges[0].Start
	one := func(key string, value *document.Node) *document.Node {
		return document.NewMap(at.Line, at.Column, []document.Entry{entry(key, at.Line, at.Column, value)})
	}
	none := one("branches", one("ignore", document.NewScalar(document.String, "/.*/", at.Line, at.Column)))
	i.entries = slices.DeleteFunc(i.entries, func(e document.Entry) bool { return e.Key.Text == "filters" })
	i.entries = append(i.entries, entry("filters", at.Line, at.Column, none))
}
