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
	"github.com/zclconf/go-cty/cty/convert"
)

// matrixAttributes are what a matrix block holds.
var matrixAttributes = []string{"alias", "exclude", "parameters"}

// rounds returns how often a call is made: once, or once for each element of
// for_each or each combination of matrix. Alias is what others require to
// require all of them.
func (c *calls) rounds(block *hclsyntax.Block) (list []iteration, alias string) {
	var matrix *hclsyntax.Block
	for _, inner := range block.Body.Blocks {
		if inner.Type == "matrix" && c.labelled(inner, 0) {
			if matrix != nil {
				c.fail(inner.TypeRange, "A job has one matrix", "put all parameters into it")
			}
			matrix = inner
		}
	}
	if matrix == nil {
		return c.forEach(block.Body, c.scope), block.Labels[0]
	}
	if attr := block.Body.Attributes["for_each"]; attr != nil {
		c.fail(attr.NameRange, "A job has matrix or for_each, not both", "add the elements as a parameter of the matrix")
	}
	return c.matrix(matrix, block.Labels[0])
}

// axis is one parameter of a matrix.
type axis struct {
	name   string
	values []cty.Value
}

func (c *calls) matrix(block *hclsyntax.Block, name string) ([]iteration, string) {
	c.onlyAttributes(block, matrixAttributes)
	attrs := block.Body.Attributes
	if attrs["alias"] != nil {
		if v, ok := c.value(attrs["alias"].Expr, c.scope); ok {
			name, _ = plainText(v)
		}
	}
	if attrs["parameters"] == nil {
		c.fail(block.DefRange(), "A matrix needs parameters", `write parameters = { version = ["1", "2"] }`)
		return nil, name
	}
	axes, ok := c.axes(attrs["parameters"].Expr)
	if !ok {
		return nil, name
	}
	total := 1
	for _, a := range axes {
		if total *= len(a.values); total > maxRounds {
			c.fail(block.DefRange(), fmt.Sprintf("The matrix has more than %d combinations; that is the limit", maxRounds), "split it")
			return nil, name
		}
	}
	rounds := c.combine(axes, attrs["exclude"])
	if len(rounds) == 0 && total > 0 {
		c.fail(block.DefRange(), "exclude leaves nothing of the matrix", "remove the matrix, or an element of exclude")
	}
	return rounds, name
}

// axes reads the parameters in the order of the file, which is that of the
// values in generated names.
func (c *calls) axes(expr hcl.Expression) ([]axis, bool) {
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() {
		c.fail(expr.Range(), "The parameters of a matrix are an object of lists, written out", `write parameters = { version = ["1", "2"] }`)
		return nil, false
	}
	axes := make([]axis, 0, len(pairs))
	for _, pair := range pairs {
		key, ok := c.value(pair.Key, c.scope)
		values, valued := c.value(pair.Value, c.scope)
		if !ok || !valued {
			return nil, false
		}
		name, named := plainText(key)
		if !named || values.IsNull() || !values.CanIterateElements() || values.Type().IsMapType() || values.Type().IsObjectType() || values.LengthInt() == 0 {
			c.fail(pair.Value.Range(), "A parameter of a matrix takes a list of values that is not empty", `write ["1", "2"]`)
			return nil, false
		}
		axes = append(axes, axis{name, values.AsValueSlice()})
	}
	return axes, len(axes) > 0
}

// combine makes the cross product: the first parameter changes slowest.
func (c *calls) combine(axes []axis, exclude *hclsyntax.Attribute) []iteration {
	excluded := c.excluded(exclude, axes)
	var rounds []iteration
	at := make([]int, len(axes))
	for {
		c.budget.spend(1)
		values, words := map[string]cty.Value{}, []string{}
		for i, a := range axes {
			values[a.name] = a.values[at[i]]
			word := axisWord(a.values[at[i]])
			words = append(words, word)
		}
		if !slices.ContainsFunc(excluded, func(e map[string]cty.Value) bool { return same(e, values) }) {
			rounds = append(rounds, iteration{key: strings.Join(words, "-"), ctx: with(c.scope, "matrix", cty.ObjectVal(values))})
		}
		i := len(axes) - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i] < len(axes[i].values) {
				break
			}
			at[i] = 0
		}
		if i < 0 {
			return rounds
		}
	}
}

// axisWord is what a value adds to a name; an executor with arguments adds them
// all.
func axisWord(v cty.Value) string {
	if v.IsNull() || !v.Type().IsObjectType() {
		word, _ := plainText(v)
		return word
	}
	var words []string
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		words = append(words, axisWord(element))
	}
	return strings.Join(words, "-")
}

// excluded reads `exclude`: objects that name every parameter.
func (c *calls) excluded(attr *hclsyntax.Attribute, axes []axis) []map[string]cty.Value {
	if attr == nil {
		return nil
	}
	v, ok := c.value(attr.Expr, c.scope)
	if !ok {
		return nil
	}
	if v.IsNull() || !v.CanIterateElements() {
		c.fail(attr.Expr.Range(), "exclude is a list of objects", `write exclude = [{ version = "1", os = "x" }]`)
		return nil
	}
	var list []map[string]cty.Value
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if element.IsNull() || !element.Type().IsObjectType() && !element.Type().IsMapType() {
			c.fail(attr.Expr.Range(), "exclude is a list of objects, and this is "+friendly(element), `write exclude = [{ version = "1", os = "x" }]`)
			continue
		}
		given := element.AsValueMap()
		for _, a := range axes {
			if _, ok := given[a.name]; !ok || len(given) != len(axes) {
				c.fail(attr.Expr.Range(), "Each element of exclude names every parameter of the matrix and no other", "the parameters are: "+axisNames(axes))
				break
			}
		}
		list = append(list, given)
	}
	return list
}

func axisNames(axes []axis) string {
	names := make([]string, 0, len(axes))
	for _, a := range axes {
		names = append(names, a.name)
	}
	return strings.Join(names, ", ")
}

// same compares two combinations, numbers and texts by what they look like.
func same(a, b map[string]cty.Value) bool {
	return maps.EqualFunc(a, b, func(x, y cty.Value) bool {
		if c, err := convert.Convert(x, y.Type()); err == nil {
			x = c
		}
		return x.RawEquals(y)
	})
}
