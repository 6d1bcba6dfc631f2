// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// parameter is one declaration in a job or a command.
type parameter struct {
	name     string
	ty       cty.Type
	enum     []cty.Value
	fallback cty.Value        // NilVal means that an argument is required, but for
	steps    *hclsyntax.Block // steps that are the default
	place    hcl.Range
}

// parameterAttributes are what a parameter block holds.
var parameterAttributes = []string{"default", "description", "enum", "type"}

// parameters reads the parameter blocks of a job or a command.
func (r *reader) parameters(body *hclsyntax.Body) []parameter {
	var list []parameter
	for _, block := range body.Blocks {
		if block.Type != "parameter" || !r.labelled(block, 1) {
			continue
		}
		name := block.Labels[0]
		if slices.ContainsFunc(list, func(p parameter) bool { return p.name == name }) {
			r.fail(block.LabelRanges[0], fmt.Sprintf("There is a parameter named %q already", name), "rename one of them")
			continue
		}
		if slices.Contains(callAttributes, name) {
			r.fail(block.LabelRanges[0], fmt.Sprintf("The parameter name %q is reserved", name), "a call has an attribute of that name; choose another one")
			continue
		}
		list = append(list, r.declaration(block))
	}
	return list
}

func (r *reader) declaration(block *hclsyntax.Block) parameter {
	p := parameter{name: block.Labels[0], ty: cty.DynamicPseudoType, place: block.LabelRanges[0]}
	attrs := block.Body.Attributes
	r.parameterBody(block)
	if attrs["type"] == nil {
		r.fail(block.DefRange(), "A parameter needs a type", "write type = string; also number, bool, list(string), map(string), any, steps and executor")
		return p
	}
	p.ty = r.typeOf(attrs["type"].Expr)
	if attrs["enum"] != nil {
		p.enum = r.enum(attrs["enum"].Expr, p.ty)
	}
	if attrs["default"] != nil {
		if v, ok := r.value(attrs["default"].Expr, r.scope); ok {
			p.fallback, _ = r.fit(p, v, attrs["default"].Expr.Range())
		} else {
			p.fallback = cty.NullVal(p.ty)
		}
	}
	if p.steps = defaultBlock(block); p.steps != nil && p.ty != stepsType {
		r.fail(p.steps.TypeRange, "Only a parameter of type steps has a default block", "write default = ...")
		p.steps = nil
	}
	return p
}

// typeOf reads a type. Two words are the config language's own: steps and
// executor, which is a name or an object with arguments.
func (r *reader) typeOf(expr hcl.Expression) cty.Type {
	switch hcl.ExprAsKeyword(expr) {
	case "steps":
		return stepsType
	case "executor":
		return cty.DynamicPseudoType
	}
	ty, diags := typeexpr.TypeConstraint(expr)
	r.diagnose(diags)
	return ty
}

func (r *reader) enum(expr hcl.Expression, ty cty.Type) []cty.Value {
	v, ok := r.value(expr, r.scope)
	if !ok {
		return nil
	}
	if v.IsNull() || !v.CanIterateElements() || v.LengthInt() == 0 {
		r.fail(expr.Range(), "enum is a list of the values that are permitted", `write enum = ["one", "two"]`)
		return nil
	}
	var list []cty.Value
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if c, err := convert.Convert(element, ty); err == nil {
			element = c
		}
		list = append(list, element)
	}
	return list
}

// fit checks an argument or a default against its declaration.
func (r *reader) fit(p parameter, v cty.Value, at hcl.Range) (cty.Value, bool) {
	if v.IsNull() && v.Type() == cty.DynamicPseudoType && p.ty != cty.DynamicPseudoType {
		return cty.NullVal(p.ty), true
	}
	c, err := convert.Convert(v, p.ty)
	if err != nil || p.ty == cty.String && v.Type() != cty.String {
		want := "steps"
		if p.ty != stepsType {
			want = typeexpr.TypeString(p.ty)
		}
		r.fail(at, fmt.Sprintf("Type error for argument %s: expected type: %s, actual value: %s", p.name, want, friendly(v)), "")
		return cty.NullVal(p.ty), false
	}
	if len(p.enum) > 0 && !slices.ContainsFunc(p.enum, func(e cty.Value) bool { return e.RawEquals(c) }) {
		r.fail(at, fmt.Sprintf("The value is not one of the parameter %s", p.name), "write one of "+listValues(p.enum))
		return cty.NullVal(p.ty), false
	}
	return c, true
}

func listValues(values []cty.Value) string {
	texts := make([]string, 0, len(values))
	for _, v := range values {
		text, _ := plainText(v)
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// argument is what a call gives for a parameter.
type argument struct {
	name  string
	value cty.Value
	place hcl.Range
	bad   bool // its mistake was told
}

// bind matches arguments with declarations.
func (r *reader) bind(declared []parameter, given []argument, call hcl.Range) (map[string]cty.Value, bool) {
	bound := make(map[string]cty.Value, len(declared))
	ok := true
	var names, missing []string
	for _, p := range declared {
		names = append(names, p.name)
		i := slices.IndexFunc(given, func(a argument) bool { return a.name == p.name })
		switch {
		case i >= 0 && given[i].bad:
			ok = false
		case i >= 0:
			v, fits := r.fit(p, given[i].value, given[i].place)
			bound[p.name], ok = v, ok && fits
		case p.steps != nil:
			bound[p.name] = r.defaultSteps(p)
		case p.fallback != cty.NilVal:
			bound[p.name] = p.fallback
		default:
			missing = append(missing, p.name)
		}
	}
	for _, a := range given {
		if slices.Contains(names, a.name) {
			continue
		}
		way := config.Suggest(a.name, names)
		if way == "" {
			way = "it declares: " + strings.Join(names, ", ")
		}
		r.fail(a.place, "Unexpected argument(s): "+a.name, way)
		ok = false
	}
	if len(missing) > 0 {
		r.fail(call, "Missing required argument(s): "+strings.Join(missing, ", "), "give each a value in the call, or a default in the declaration")
		ok = false
	}
	return bound, ok
}

// samples are arguments for what nobody calls, so that its mistakes show too.
func (r *reader) samples(declared []parameter) map[string]cty.Value {
	bound := make(map[string]cty.Value, len(declared))
	for _, p := range declared {
		switch {
		case p.steps != nil:
			bound[p.name] = r.defaultSteps(p)
		case p.fallback != cty.NilVal:
			bound[p.name] = p.fallback
		case len(p.enum) > 0:
			bound[p.name] = p.enum[0]
		case p.ty == cty.String || p.ty == cty.DynamicPseudoType:
			bound[p.name] = cty.StringVal("x")
		case p.ty == cty.Number:
			bound[p.name] = cty.NumberIntVal(1)
		case p.ty == cty.Bool:
			bound[p.name] = cty.False
		case p.ty == stepsType:
			bound[p.name] = stepsValue(nil)
		case p.ty.IsListType():
			bound[p.name] = cty.ListValEmpty(p.ty.ElementType())
		case p.ty.IsSetType():
			bound[p.name] = cty.SetValEmpty(p.ty.ElementType())
		case p.ty.IsMapType():
			bound[p.name] = cty.MapValEmpty(p.ty.ElementType())
		default:
			bound[p.name] = cty.NullVal(p.ty)
		}
	}
	return bound
}

// pipelineTypes are the types of pipeline parameters, by what the document
// calls them.
var pipelineTypes = map[cty.Type]string{cty.String: "string", cty.Number: "integer", cty.Bool: "boolean"}

// pipelineParameters turns the top-level parameter blocks into declarations of
// the document, where the trigger's values are checked against them.
func (r *reader) pipelineParameters(blocks []*hclsyntax.Block) []document.Entry {
	r.scope.Variables = map[string]cty.Value{}
	var entries []document.Entry
	for _, block := range blocks {
		p := r.declaration(block)
		line, column := p.place.Start.Line, p.place.Start.Column
		word := pipelineTypes[p.ty]
		if p.fallback == cty.NilVal || p.fallback.IsNull() || word == "" {
			r.fail(p.place, "A pipeline parameter is a string, a number or a bool and has a default", "write type = string and default = \"...\"; the default counts when the trigger gives no value")
			continue
		}
		list := []document.Entry{}
		if len(p.enum) > 0 {
			word = "enum"
			list = append(list, entry("enum", line, column, r.node(cty.TupleVal(p.enum), p.place)))
		}
		list = append(list, entry("type", line, column, document.NewScalar(document.String, word, line, column)))
		if fallback := r.node(p.fallback, p.place); fallback != nil {
			list = append(list, entry("default", line, column, fallback))
		}
		if slices.ContainsFunc(entries, func(e document.Entry) bool { return e.Key.Text == p.name }) {
			r.fail(p.place, fmt.Sprintf("There is a parameter named %q already", p.name), "rename one of them")
			continue
		}
		entries = append(entries, entry(p.name, line, column, document.NewMap(line, column, list)))
	}
	return entries
}

// pipelineArgument is the value of a pipeline parameter: what the trigger
// gives, where it fits, else the default. One that does not fit is the
// compiler's to tell.
func (r *reader) pipelineArgument(p document.Entry) cty.Value {
	fallback := p.Value.Get("default")
	v := cty.StringVal(fallback.Text)
	ty := map[document.Kind]cty.Type{document.Int: cty.Number, document.Float: cty.Number, document.Bool: cty.Bool, document.String: cty.String}[fallback.Kind]
	if c, err := convert.Convert(v, ty); err == nil {
		v = c
	}
	if given, ok := r.request.Parameters[p.Key.Text]; ok {
		if value := fromTrigger(given); !value.IsNull() && value.Type() == v.Type() {
			return value
		}
	}
	return v
}
