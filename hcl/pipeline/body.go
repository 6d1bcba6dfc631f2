// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/internal/config/document"
)

// dashed are the keys of the config language that have a dash, by the name that
// they have here.
var dashed = map[string]string{
	"serial_group": "serial-group", "override_with": "override-with", "pre_steps": "pre-steps", "post_steps": "post-steps",
}

func keyName(name string) string {
	if key, ok := dashed[name]; ok {
		return key
	}
	return name
}

// attribute adds an attribute's value under a key; null leaves it out.
func (r *reader) attribute(entries []document.Entry, attr *hclsyntax.Attribute, ctx *hcl.EvalContext, key string) []document.Entry {
	v, ok := r.value(attr.Expr, ctx)
	if !ok {
		return entries
	}
	n := r.node(v, attr.Expr.Range())
	if n == nil {
		return entries
	}
	at := attr.NameRange.Start
	return append(entries, entry(key, at.Line, at.Column, n))
}

// plain turns a body into a map: attributes are its keys, and so are nested
// blocks. Skip are the names that mean something to whoever calls.
func (r *reader) plain(body *hclsyntax.Body, ctx *hcl.EvalContext, skip ...string) []document.Entry {
	var entries []document.Entry
	for _, attr := range attributes(body) {
		if !slices.Contains(skip, attr.Name) {
			entries = r.attribute(entries, attr, ctx, keyName(attr.Name))
		}
	}
	for _, block := range body.Blocks {
		if slices.Contains(skip, block.Type) || !r.labelled(block, 0) {
			continue
		}
		if slices.ContainsFunc(entries, func(e document.Entry) bool { return e.Key.Text == block.Type }) {
			r.fail(block.TypeRange, fmt.Sprintf("There is a %s already", block.Type), "remove one of them")
			continue
		}
		at := block.TypeRange.Start
		entries = append(entries, entry(keyName(block.Type), at.Line, at.Column, r.mapping(block, ctx)))
	}
	return entries
}

// mapping is plain as a node.
func (r *reader) mapping(block *hclsyntax.Block, ctx *hcl.EvalContext, skip ...string) *document.Node {
	at := block.TypeRange.Start
	return document.NewMap(at.Line, at.Column, r.plain(block.Body, ctx, skip...))
}

// onlyAttributes refuses what a block does not hold.
func (r *reader) onlyAttributes(block *hclsyntax.Block, names []string) {
	for _, inner := range block.Body.Blocks {
		r.fail(inner.TypeRange, fmt.Sprintf("Blocks of type %q are not expected here", inner.Type), "Permitted: "+strings.Join(names, ", "))
	}
	for _, attr := range attributes(block.Body) {
		if !slices.Contains(names, attr.Name) {
			r.fail(attr.NameRange, fmt.Sprintf("An attribute named %q is not expected here", attr.Name), "Permitted: "+strings.Join(names, ", "))
		}
	}
}

// orbs reads the import blocks.
func (r *reader) orbs(blocks []*hclsyntax.Block) []document.Entry {
	var entries []document.Entry
	for _, block := range blocks {
		r.onlyAttributes(block, []string{"source"})
		attr := block.Body.Attributes["source"]
		if attr == nil {
			r.fail(block.DefRange(), "An import needs a source", `write source = "namespace/orb@1.2.3", or the URL of an orb`)
			continue
		}
		entries = r.attribute(entries, attr, r.scope, block.Labels[0])
	}
	return entries
}
