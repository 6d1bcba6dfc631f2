// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/muster-ci/muster/internal/config/document"
)

// imported returns the orb that a file in HCL imports under an alias, nil when
// it is not known.
func (t *text) imported(orbs *shelf, alias string) *document.Node {
	block := labelled(t.body, "import", alias)
	if block == nil || block.Body.Attributes["source"] == nil {
		return nil
	}
	ref, _ := textOf(block.Body.Attributes["source"].Expr)
	return orbs.orb(ref)
}

// textOf is a text that an expression writes out.
func textOf(expr hclsyntax.Expression) (string, bool) {
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		return "", false
	}
	return v.AsString(), true
}

// orbElements are the elements of a section in all imported orbs.
func (t *text) orbElements(orbs *shelf, name, kind string) []completion {
	var list []completion
	for _, alias := range labels(t.body, "import") {
		if orb := t.imported(orbs, alias); orb != nil {
			list = append(list, section(orb, name, alias+"/", kind)...)
		}
	}
	return list
}

// orbElement finds an element of an imported orb by its name here.
func (t *text) orbElement(orbs *shelf, name, sectionName, kind string) *target {
	alias, inner, ok := strings.Cut(name, "/")
	if !ok {
		return nil
	}
	found := entry(t.imported(orbs, alias), kind, inner, sectionName)
	if found != nil {
		found.name = name
	}
	return found
}

// callOf is what a block calls: the section and the kind of it, "" for none.
func callOf(around []*hclsyntax.Block) (block *hclsyntax.Block, section, kind string) {
	if len(around) == 0 || len(around[len(around)-1].Labels) == 0 {
		return nil, "", ""
	}
	switch block = around[len(around)-1]; {
	case block.Type == "step":
		return block, "commands", "command"
	case contextOf(around) == "call":
		return block, "jobs", "job"
	}
	return nil, "", ""
}

// under tells whether the cursor is in a range of one line.
func (t *text) under(at position, r hcl.Range) bool {
	column := t.column(at)
	return r.Start.Line == at.Line+1 && r.Start.Column <= column && column <= r.End.Column
}

// nameAt is the name of what is called, or of an executor, under the cursor.
func (t *text) nameAt(at position, around []*hclsyntax.Block) string {
	if block, _, _ := callOf(around); block != nil && t.under(at, block.LabelRanges[0]) {
		return block.Labels[0]
	}
	if len(around) == 0 {
		return ""
	}
	if attr := around[len(around)-1].Body.Attributes["executor"]; attr != nil && t.under(at, attr.Expr.Range()) {
		name, _ := textOf(attr.Expr)
		return name
	}
	return ""
}

// orbNameAt finds the element of an orb whose name is under the cursor, or the
// parameter of it whose argument is.
func (t *text) orbNameAt(orbs *shelf, at position, around []*hclsyntax.Block) *target {
	if call, name := t.argumentAt(at, around); call != nil {
		_, section, kind := callOf(around[:slices.Index(around, call)+1])
		return argument(t.orbElement(orbs, call.Labels[0], section, kind), name)
	}
	name := t.nameAt(at, around)
	if block, section, kind := callOf(around); block != nil && t.under(at, block.LabelRanges[0]) {
		return t.orbElement(orbs, name, section, kind)
	}
	return t.orbElement(orbs, name, "executors", "executor")
}

// argumentAt is the call and the name of the argument under the cursor: that of
// an attribute, or of a block of steps. The call is nil where there is none.
func (t *text) argumentAt(at position, around []*hclsyntax.Block) (call *hclsyntax.Block, name string) {
	if len(around) > 1 {
		steps := around[len(around)-1]
		if steps.Type == "steps" && len(steps.Labels) > 0 && t.under(at, steps.LabelRanges[0]) {
			call, _, _ = callOf(around[:len(around)-1])
			return call, steps.Labels[0]
		}
	}
	if call, _, _ = callOf(around); call == nil {
		return nil, ""
	}
	for name, attr := range call.Body.Attributes {
		if t.under(at, attr.NameRange) {
			return call, name
		}
	}
	return nil, ""
}

// argumentsHCL are the parameters of what the block around the cursor calls.
func (t *text) argumentsHCL(orbs *shelf, around []*hclsyntax.Block) []completion {
	block, sectionName, kind := callOf(around)
	if block == nil {
		return nil
	}
	if found := t.orbElement(orbs, block.Labels[0], sectionName, kind); found != nil {
		list := section(found.node, "parameters", "", "parameter")
		for i := range list {
			list[i].Kind = kindProperty
		}
		return list
	}
	own := labelled(t.body, kind, block.Labels[0])
	if own == nil {
		return nil
	}
	var list []completion
	for _, name := range labels(own.Body, "parameter") {
		_, said := t.blockOf(own.Body, "parameter", name)
		list = append(list, completion{Label: name, Kind: kindProperty, Detail: "parameter", Documentation: &markup{"markdown", said}})
	}
	return list
}
