// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// pipelineScope sets what every expression may name: pipeline values, and the
// pipeline's parameters both as pipeline.parameters.x and, outside of jobs and
// commands, as parameter.x.
func (r *reader) pipelineScope(parameters []document.Entry) {
	values := map[string]cty.Value{}
	for _, p := range parameters {
		values[p.Key.Text] = r.pipelineArgument(p)
	}
	object := cty.ObjectVal(values)
	r.scope.Variables = map[string]cty.Value{
		"pipeline":  pipelineValue(r.withSetup(r.request.Values), config.PipelineNames(), object),
		"parameter": object,
		"local":     cty.EmptyObjectVal,
	}
}

// withSetup adds what no trigger knows: whether this is a setup config.
func (r *reader) withSetup(values core.PipelineValues) core.PipelineValues {
	const name = "in_setup"
	if _, given := values[name]; given {
		return values
	}
	all := maps.Clone(values)
	if all == nil {
		all = core.PipelineValues{}
	}
	all[name] = r.setup
	return all
}

// names collects what blocks define, so that references and calls may stand
// before definitions. executor.go is the name of an executor as a value, and
// job.test that of a job: a slip in one is a mistake with a place.
func (r *reader) names(blocks map[string][]*hclsyntax.Block) {
	for _, block := range blocks["import"] {
		r.imports[block.Labels[0]] = r.once(block, r.imports[block.Labels[0]])
	}
	for _, block := range blocks["executor"] {
		if r.once(block, r.executors[block.Labels[0]] != nil) {
			r.executors[block.Labels[0]] = &executor{block: block, parameters: r.parameters(block.Body)}
		}
	}
	for _, block := range blocks["command"] {
		if r.once(block, r.commands[block.Labels[0]] != nil) {
			r.commands[block.Labels[0]] = &command{block: block, parameters: r.parameters(block.Body)}
		}
	}
	for _, block := range blocks["job"] {
		if r.once(block, r.jobs[block.Labels[0]] != nil) {
			r.jobs[block.Labels[0]] = &job{block: block, parameters: r.parameters(block.Body)}
		}
	}
	for _, block := range blocks["job_group"] {
		r.groups[block.Labels[0]] = r.once(block, r.groups[block.Labels[0]])
	}
	r.scope.Variables["executor"] = nameValues(slices.Collect(maps.Keys(r.executors)))
	r.scope.Variables["job"] = nameValues(slices.Collect(maps.Keys(r.jobs)))
}

// once tells that a name is new, and the mistake when it is not.
func (r *reader) once(block *hclsyntax.Block, taken bool) bool {
	if taken {
		r.fail(block.LabelRanges[0], fmt.Sprintf("There is a %s named %q already", block.Type, block.Labels[0]), "rename one of them")
	}
	return true
}

func nameValues(names []string) cty.Value {
	values := make(map[string]cty.Value, len(names))
	for _, name := range names {
		values[name] = cty.StringVal(name)
	}
	return cty.ObjectVal(values)
}

// inner returns the scope of a job's or a command's body: parameter means its
// own, and nothing else is inherited from whoever calls it.
func (r *reader) inner(arguments map[string]cty.Value) *hcl.EvalContext {
	ctx := r.scope.NewChild()
	ctx.Variables = map[string]cty.Value{"parameter": cty.ObjectVal(arguments)}
	return ctx
}

// with returns a scope with one more variable.
func with(ctx *hcl.EvalContext, name string, value cty.Value) *hcl.EvalContext {
	child := ctx.NewChild()
	child.Variables = map[string]cty.Value{name: value}
	return child
}

// value evaluates an expression; false after a mistake.
func (r *reader) value(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, bool) {
	r.budget.spend(1)
	v, diags := expr.Value(ctx)
	r.diagnose(diags)
	if diags.HasErrors() {
		return cty.DynamicVal, false
	}
	r.budget.spend(weigh(v, r.budget.left))
	return v, true
}

// locals evaluates all locals blocks. A local may name others, in any order.
func (r *reader) locals(blocks []*hclsyntax.Block) {
	l := &locals{reader: r, found: map[string]*hclsyntax.Attribute{}, state: map[string]int{}, values: map[string]cty.Value{}}
	for _, block := range blocks {
		for _, inner := range block.Body.Blocks {
			r.fail(inner.TypeRange, "A locals block holds attributes only", "write name = value")
		}
		for _, attr := range attributes(block.Body) {
			if l.found[attr.Name] != nil {
				r.fail(attr.NameRange, fmt.Sprintf("There is a local named %q already", attr.Name), "rename one of them")
				continue
			}
			l.found[attr.Name] = attr
			l.order = append(l.order, attr.Name)
		}
	}
	for _, name := range l.order {
		l.resolve(name, 0)
	}
	r.scope.Variables["local"] = cty.ObjectVal(l.values)
}

type locals struct {
	*reader
	found  map[string]*hclsyntax.Attribute
	order  []string
	state  map[string]int // 1 while it is resolved, 2 afterwards
	values map[string]cty.Value
}

// maxLocalDepth is how long a chain of locals may be.
const maxLocalDepth = 200

func (l *locals) resolve(name string, depth int) {
	attr := l.found[name]
	if attr == nil || l.state[name] == 2 {
		return
	}
	if l.state[name] == 1 || depth > maxLocalDepth {
		l.fail(attr.NameRange, fmt.Sprintf("The local %q depends on itself, or on more than %d others in a row", name, maxLocalDepth), "write one of the values out")
		l.state[name] = 2
		return
	}
	l.state[name] = 1
	// Only the locals that it names: an object of all of them, made anew for
	// each, would cost the square of their number.
	needed := map[string]cty.Value{}
	for _, t := range attr.Expr.Variables() {
		if t.RootName() != "local" || len(t) < 2 {
			continue
		}
		if step, ok := t[1].(hcl.TraverseAttr); ok {
			l.resolve(step.Name, depth+1)
			if v, ok := l.values[step.Name]; ok {
				needed[step.Name] = v
			}
		}
	}
	ctx := with(l.scope, "local", cty.ObjectVal(needed))
	if v, ok := l.value(attr.Expr, ctx); ok && v.IsKnown() {
		l.values[name] = v
	} else {
		l.values[name] = cty.NullVal(cty.DynamicPseudoType)
	}
	l.state[name] = 2
}

// condition evaluates `condition`, which is true where it is not given.
func (r *reader) condition(body *hclsyntax.Body, ctx *hcl.EvalContext) bool {
	attr := body.Attributes["condition"]
	if attr == nil {
		return true
	}
	v, ok := r.value(attr.Expr, ctx)
	if !ok {
		return true
	}
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.Bool {
		r.fail(attr.Expr.Range(), "A condition is true or false, not "+friendly(v), "compare with ==, or write != null")
		return true
	}
	return v.True()
}

func friendly(v cty.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case !v.IsKnown():
		return "something that is not known (a function was given null)"
	}
	return "a " + v.Type().FriendlyName()
}

// iteration is one round of for_each.
type iteration struct {
	key string
	ctx *hcl.EvalContext
}

// maxRounds of one for_each.
const maxRounds = 1000

// forEach returns the rounds of a body: one without each where there is no
// for_each.
func (r *reader) forEach(body *hclsyntax.Body, ctx *hcl.EvalContext) []iteration {
	attr := body.Attributes["for_each"]
	if attr == nil {
		return []iteration{{ctx: ctx}}
	}
	v, ok := r.value(attr.Expr, ctx)
	if !ok {
		return nil
	}
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		r.fail(attr.Expr.Range(), "for_each takes a list, a set or a map, not "+friendly(v), "write for_each = [\"one\", \"two\"]")
		return nil
	}
	if v.LengthInt() > maxRounds {
		r.fail(attr.Expr.Range(), fmt.Sprintf("for_each has %d elements; %d is the limit", v.LengthInt(), maxRounds), "")
		return nil
	}
	var rounds []iteration
	set := v.Type().IsSetType()
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if set {
			key = value
		}
		each := cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
		rounds = append(rounds, iteration{key: r.roundName(key, value, attr.Expr.Range()), ctx: with(ctx, "each", each)})
	}
	return rounds
}

// roundName is what a round adds to a job's name: the key of a map, the element
// of a list of texts or numbers, else the place in the list.
func (r *reader) roundName(key, value cty.Value, at hcl.Range) string {
	if key.Type() == cty.Number && isScalar(value) {
		key = value
	}
	text, ok := plainText(key)
	if !ok {
		r.fail(at, "The elements of a set are texts here", "write a list, or a map")
	}
	return text
}

func isScalar(v cty.Value) bool { return !v.IsNull() && v.Type().IsPrimitiveType() }

// plainText writes a text, a number or a boolean as a name may hold it.
func plainText(v cty.Value) (string, bool) {
	if !isScalar(v) || !v.IsKnown() {
		return "", false
	}
	n, message := build(v, 1, 1, 0)
	if message != "" || n == nil {
		return "", false
	}
	return strings.ReplaceAll(n.Text, "\n", " "), true
}
