// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// parameterBody refuses what a parameter block does not hold.
func (r *reader) parameterBody(block *hclsyntax.Block) {
	permitted := "Permitted: " + strings.Join(parameterAttributes, ", ")
	for _, attr := range attributes(block.Body) {
		if !slices.Contains(parameterAttributes, attr.Name) {
			r.fail(attr.NameRange, fmt.Sprintf("An attribute named %q is not expected here", attr.Name), permitted)
		}
	}
	given := block.Body.Attributes["default"] != nil
	for _, inner := range block.Body.Blocks {
		switch {
		case inner.Type != "default":
			r.fail(inner.TypeRange, fmt.Sprintf("Blocks of type %q are not expected here", inner.Type), permitted+"; the steps of a default stand in a block default { step ... }")
		case given:
			r.fail(inner.TypeRange, "There is a default already", "remove one of them")
		default:
			given = r.labelled(inner, 0)
		}
	}
}

// defaultBlock is what holds a parameter's default steps, nil without any.
func defaultBlock(block *hclsyntax.Block) *hclsyntax.Block {
	for _, inner := range block.Body.Blocks {
		if inner.Type == "default" {
			return inner
		}
	}
	return nil
}

// defaultSteps reads the steps that a parameter has where a call gives none.
// They see what stands outside of the element, as every default does. They are
// read when they are first needed, since they may call commands that are not
// known before, and once, so that calls without an argument are equal.
func (r *reader) defaultSteps(p parameter) cty.Value {
	v, known := r.defaults[p.steps]
	switch {
	case known && v == cty.NilVal:
		r.fail(p.steps.TypeRange, fmt.Sprintf("The default steps of the parameter %s call what has that default", p.name), "a command cannot use itself; give the inner call an argument")
		return stepsValue(nil)
	case known:
		return v
	}
	r.defaults[p.steps] = cty.NilVal
	v = stepsValue(r.stepsOnly(p.steps.Body, r.scope, 1))
	r.defaults[p.steps] = v
	return v
}
