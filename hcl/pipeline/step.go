// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/muster-ci/muster/internal/config/document"
)

// command is a named list of steps. It is expanded where it is called, so that
// the document has none.
type command struct {
	block      *hclsyntax.Block
	parameters []parameter
	used       bool
}

// stepAttributes mean the same in every step.
var stepAttributes = []string{"condition", "for_each"}

// steps reads the step blocks of a body in their order. depth counts the
// commands around it.
func (r *reader) steps(body *hclsyntax.Body, ctx *hcl.EvalContext, depth int) []*document.Node {
	var nodes []*document.Node
	for _, block := range body.Blocks {
		if block.Type == "step" && r.labelled(block, 1) {
			nodes = append(nodes, r.step(block, ctx, depth)...)
		}
	}
	return nodes
}

// stepsOnly reads a body that holds nothing else.
func (r *reader) stepsOnly(body *hclsyntax.Body, ctx *hcl.EvalContext, depth int, also ...string) []*document.Node {
	for _, attr := range attributes(body) {
		if !slices.Contains(also, attr.Name) {
			r.fail(attr.NameRange, fmt.Sprintf("An attribute named %q is not expected here", attr.Name), "steps are blocks: step \"run\" { command = \"...\" }")
		}
	}
	for _, block := range body.Blocks {
		if block.Type != "step" && !slices.Contains(also, block.Type) {
			r.fail(block.TypeRange, fmt.Sprintf("Blocks of type %q are not expected here", block.Type), "steps are blocks: step \"run\" { command = \"...\" }")
		}
	}
	return r.steps(body, ctx, depth)
}

// step reads one block, which for_each and commands may make several steps of.
// A step whose condition is false is kept in a form that the compiler checks
// and drops.
func (r *reader) step(block *hclsyntax.Block, ctx *hcl.EvalContext, depth int) []*document.Node {
	var nodes []*document.Node
	at := block.TypeRange.Start
	for _, round := range r.forEach(block.Body, ctx) {
		made := r.oneStep(block, round.ctx, depth)
		if r.condition(block.Body, round.ctx) || len(made) == 0 {
			nodes = append(nodes, made...)
			continue
		}
		off := document.NewMap(at.Line, at.Column, []document.Entry{
			entry("condition", at.Line, at.Column, document.NewScalar(document.Bool, "false", at.Line, at.Column)),
			entry("steps", at.Line, at.Column, document.NewList(at.Line, at.Column, made)),
		})
		nodes = append(nodes, document.NewMap(at.Line, at.Column, []document.Entry{entry("when", at.Line, at.Column, off)}))
	}
	return nodes
}

func (r *reader) oneStep(block *hclsyntax.Block, ctx *hcl.EvalContext, depth int) []*document.Node {
	r.budget.spend(1)
	name, at := block.Labels[0], block.LabelRanges[0].Start
	if c := r.commands[name]; c != nil {
		return r.call(c, block, ctx, depth)
	}
	switch name {
	case "steps":
		return r.spliced(block, ctx)
	case "when", "unless":
		r.fail(block.LabelRanges[0], fmt.Sprintf("There is no step %q in HCL", name), "give the steps inside of it condition = ...")
		return nil
	}
	entries := r.plain(block.Body, ctx, append([]string{"steps"}, stepAttributes...)...)
	for _, a := range r.stepArguments(block, ctx, depth) {
		if n := r.node(a.value, a.place); n != nil {
			entries = append(entries, entry(a.name, a.place.Start.Line, a.place.Start.Column, n))
		}
	}
	if len(entries) == 0 {
		return []*document.Node{document.NewScalar(document.String, name, at.Line, at.Column)}
	}
	return []*document.Node{document.NewMap(at.Line, at.Column, []document.Entry{
		entry(name, at.Line, at.Column, document.NewMap(at.Line, at.Column, entries)),
	})}
}

// call expands a command of the file.
func (r *reader) call(c *command, block *hclsyntax.Block, ctx *hcl.EvalContext, depth int) []*document.Node {
	c.used = true
	if depth >= maxDepth {
		r.fail(block.LabelRanges[0], fmt.Sprintf("The command %s is called more than %d commands deep; does it call itself?", block.Labels[0], maxDepth), "a command cannot use itself")
		return nil
	}
	given := r.arguments(block, ctx, stepAttributes)
	given = append(given, r.stepArguments(block, ctx, depth)...)
	bound, ok := r.bind(c.parameters, given, block.LabelRanges[0])
	if !ok {
		return nil
	}
	return r.commandSteps(c, bound, depth)
}

func (r *reader) commandSteps(c *command, bound map[string]cty.Value, depth int) []*document.Node {
	return r.stepsOnly(c.block.Body, r.inner(bound), depth+1, "parameter", "description")
}

// spliced puts the steps of a parameter in place.
func (r *reader) spliced(block *hclsyntax.Block, ctx *hcl.EvalContext) []*document.Node {
	r.onlyAttributes(block, append([]string{"steps"}, stepAttributes...))
	attr := block.Body.Attributes["steps"]
	if attr == nil {
		r.fail(block.DefRange(), "Which steps?", "write steps = parameter.name, of a parameter of type steps")
		return nil
	}
	v, ok := r.value(attr.Expr, ctx)
	if !ok {
		return nil
	}
	if v.IsNull() {
		return nil
	}
	if v.Type() != stepsType {
		r.fail(attr.Expr.Range(), "This is "+friendly(v)+" and not a list of steps", "only a parameter of type steps can stand here")
		return nil
	}
	nodes := v.EncapsulatedValue().(*stepList).nodes
	r.budget.spend(weighSteps(nodes))
	return nodes
}

// nodesPerUnit is how much of a document is put in place again for one unit.
const nodesPerUnit = 16

// weighSteps is the cost of putting steps in place: they are shared and not
// copied, so that a few lines could put the same ones in place without end.
func weighSteps(nodes []*document.Node) int {
	units := 0
	for _, n := range nodes {
		size, _ := n.Size()
		units += size
	}
	return len(nodes) + units/nodesPerUnit
}

// arguments evaluates the attributes of a call but for those that skip names.
func (r *reader) arguments(block *hclsyntax.Block, ctx *hcl.EvalContext, skip []string) []argument {
	var list []argument
	for _, attr := range attributes(block.Body) {
		if slices.Contains(skip, attr.Name) {
			continue
		}
		v, ok := r.value(attr.Expr, ctx)
		list = append(list, argument{name: attr.Name, value: v, place: attr.Expr.Range(), bad: !ok})
	}
	return list
}

// stepArguments reads blocks such as steps "after" { step "run" {...} }: the
// arguments for parameters of type steps. Their steps see what the caller sees.
func (r *reader) stepArguments(block *hclsyntax.Block, ctx *hcl.EvalContext, depth int) []argument {
	var list []argument
	for _, inner := range block.Body.Blocks {
		if inner.Type != "steps" || !r.labelled(inner, 1) {
			continue
		}
		nodes := r.stepsOnly(inner.Body, ctx, depth)
		list = append(list, argument{name: inner.Labels[0], value: stepsValue(nodes), place: inner.TypeRange})
	}
	return list
}

// unusedCommands gives the compiler what nobody calls, for its checks and its
// warning.
func (r *reader) unusedCommands(blocks []*hclsyntax.Block) []document.Entry {
	var entries []document.Entry
	for _, block := range blocks {
		c := r.commands[block.Labels[0]]
		if c == nil || c.used {
			continue
		}
		at := block.TypeRange.Start
		nodes := r.commandSteps(c, r.samples(c.parameters), 0)
		steps := entry("steps", at.Line, at.Column, document.NewList(at.Line, at.Column, nodes))
		entries = append(entries, entry(block.Labels[0], at.Line, at.Column, document.NewMap(at.Line, at.Column, []document.Entry{steps})))
	}
	return entries
}
