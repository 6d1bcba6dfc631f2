// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// block is a block as it stands, or one that a dynamic block made, with the
// variables that it sees.
type block struct {
	kind   string
	labels []string
	body   *hclsyntax.Body
	ctx    *hcl.EvalContext
	place  hcl.Range
}

// maxDynamic bounds what one dynamic block makes.
const maxDynamic = 1000

// expand replaces dynamic blocks by what they make. HCL's own extension for
// this hides the bodies of blocks whose schema is not known, such as config.
func (d *decoder) expand(blocks hclsyntax.Blocks, ctx *hcl.EvalContext) []block {
	var out []block
	for _, b := range blocks {
		if b.Type != "dynamic" {
			out = append(out, block{kind: b.Type, labels: b.Labels, body: b.Body, ctx: ctx, place: b.DefRange()})
			continue
		}
		out = append(out, d.dynamic(b, ctx)...)
	}
	return out
}

// dynamic makes the blocks of one dynamic block:
//
//	dynamic "<type>" {
//	  for_each = <list, set or map>
//	  iterator = <name>          # default: the type
//	  labels   = [<expressions>]
//	  content { ... }            # sees <name>.key and <name>.value
//	}
func (d *decoder) dynamic(b *hclsyntax.Block, ctx *hcl.EvalContext) []block {
	if len(b.Labels) != 1 || len(b.Body.Blocks) != 1 || b.Body.Blocks[0].Type != "content" || b.Body.Attributes["for_each"] == nil {
		d.fail(b.DefRange(), "A dynamic block has one label, for_each, and one content block.")
		return nil
	}
	name := b.Labels[0]
	for _, attr := range inOrder(b.Body.Attributes) {
		switch attr.Name {
		case "for_each", "labels":
		case "iterator":
			if name = hcl.ExprAsKeyword(attr.Expr); name == "" {
				d.fail(attr.Expr.Range(), "The iterator is a name.")
				return nil
			}
		default:
			d.fail(attr.NameRange, "There is no argument %q in a dynamic block.", attr.Name)
		}
	}
	each := b.Body.Attributes["for_each"].Expr
	over, diags := evaluate(each, ctx)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return nil
	}
	if over.IsNull() || !over.IsWhollyKnown() || !over.CanIterateElements() || over.LengthInt() > maxDynamic {
		d.fail(each.Range(), "for_each is a list, a set or a map of at most %d elements.", maxDynamic)
		return nil
	}
	var out []block
	for it := over.ElementIterator(); it.Next(); {
		key, value := it.Element()
		inner := ctx.NewChild()
		inner.Variables = map[string]cty.Value{name: cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}
		out = append(out, block{kind: b.Labels[0], labels: d.labels(b, inner), body: b.Body.Blocks[0].Body, ctx: inner, place: b.DefRange()})
	}
	return out
}

func (d *decoder) labels(b *hclsyntax.Block, ctx *hcl.EvalContext) []string {
	attr := b.Body.Attributes["labels"]
	if attr == nil {
		return nil
	}
	value, diags := evaluate(attr.Expr, ctx)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return nil
	}
	list, err := convert.Convert(value, cty.List(cty.String))
	if err != nil || list.IsNull() || !list.IsWhollyKnown() {
		d.fail(attr.Expr.Range(), "labels is a list of texts.")
		return nil
	}
	var labels []string
	for it := list.ElementIterator(); it.Next(); {
		if _, label := it.Element(); !label.IsNull() {
			labels = append(labels, label.AsString())
		}
	}
	return labels
}
