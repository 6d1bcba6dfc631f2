// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// within returns the blocks around a line, the outermost first.
func within(body *hclsyntax.Body, line int) []*hclsyntax.Block {
	var around []*hclsyntax.Block
	for body != nil {
		var next *hclsyntax.Body
		for _, block := range body.Blocks {
			if block.TypeRange.Start.Line <= line && line <= block.CloseBraceRange.End.Line {
				around, next = append(around, block), block.Body
				break
			}
		}
		body = next
	}
	return around
}

// labelled finds a block by type and name.
func labelled(body *hclsyntax.Body, kind, name string) *hclsyntax.Block {
	if body == nil {
		return nil
	}
	for _, block := range body.Blocks {
		if block.Type == kind && len(block.Labels) > 0 && block.Labels[0] == name {
			return block
		}
	}
	return nil
}

// resolveHCL finds what the name under the cursor refers to.
func (t *text) resolveHCL(at position) (place hcl.Range, said string) {
	if t.body == nil {
		return place, ""
	}
	around := within(t.body, at.Line+1)
	word, _ := t.around(at)
	parts := strings.Split(word, ".")
	if len(parts) == 3 && parts[0] == "pipeline" && parts[1] == "parameters" {
		return t.blockOf(t.body, "parameter", parts[2])
	}
	if len(parts) >= 2 {
		switch parts[0] {
		case "job", "executor":
			return t.blockOf(t.body, parts[0], parts[1])
		case "local":
			return t.local(parts[1])
		case "parameter":
			return t.blockOf(scopeOf(t.body, around), "parameter", parts[1])
		}
	}
	if len(around) == 0 || len(around[len(around)-1].Labels) == 0 || around[len(around)-1].Labels[0] != word {
		return place, ""
	}
	switch block := around[len(around)-1]; {
	case block.Type == "step":
		return t.blockOf(t.body, "command", word)
	case block.Type == "job" && len(around) > 1:
		if place, said = t.blockOf(t.body, "job", word); said == "" {
			place, said = t.blockOf(t.body, "job_group", word)
		}
	}
	return place, said
}

// referredHCL is resolveHCL, and finds the declaration of an argument too; of
// what an orb has, whose text is elsewhere, its import.
func (t *text) referredHCL(at position) (place hcl.Range, said string) {
	if place, said = t.resolveHCL(at); said != "" || t.body == nil {
		return place, said
	}
	around := within(t.body, at.Line+1)
	called := t.nameAt(at, around)
	if call, name := t.argumentAt(at, around); call != nil {
		called = call.Labels[0]
		if own := labelled(t.body, map[string]string{"step": "command", "job": "job"}[call.Type], called); own != nil {
			return t.blockOf(own.Body, "parameter", name)
		}
	}
	if alias, _, ok := strings.Cut(called, "/"); ok {
		return t.blockOf(t.body, "import", alias)
	}
	return place, ""
}

// scopeOf is the body whose parameters the name parameter means.
func scopeOf(top *hclsyntax.Body, around []*hclsyntax.Block) *hclsyntax.Body {
	if len(around) > 0 && (around[0].Type == "job" || around[0].Type == "command") {
		return around[0].Body
	}
	return top
}

func (t *text) blockOf(body *hclsyntax.Body, kind, name string) (place hcl.Range, said string) {
	block := labelled(body, kind, name)
	if block == nil {
		return place, ""
	}
	said = fmt.Sprintf("**%s** `%s`", kind, name)
	for _, known := range []string{"description", "type", "default", "enum", "executor", "resource_class", "source"} {
		if attr := block.Body.Attributes[known]; attr != nil {
			said += fmt.Sprintf("\n- %s `%s`", known, short(t.source(attr.Expr.Range())))
		}
	}
	for _, inner := range block.Body.Blocks {
		if inner.Type == "parameter" && len(inner.Labels) == 1 {
			said += fmt.Sprintf("\n- parameter `%s`", inner.Labels[0])
		}
	}
	return block.LabelRanges[0], said
}

func (t *text) local(name string) (place hcl.Range, said string) {
	for _, block := range t.body.Blocks {
		if attr := block.Body.Attributes[name]; block.Type == "locals" && attr != nil {
			return attr.NameRange, fmt.Sprintf("**local** `%s` = `%s`", name, short(t.source(attr.Expr.Range())))
		}
	}
	return place, ""
}

// source is the text of a range. The tree may be of an older text.
func (t *text) source(r hcl.Range) string {
	if r.End.Byte > len(t.whole) || r.Start.Byte > r.End.Byte {
		return ""
	}
	return t.whole[r.Start.Byte:r.End.Byte]
}

func (t *text) definitionHCL(at position) *location {
	place, said := t.referredHCL(at)
	if said == "" {
		return nil
	}
	return &location{t.uri, span{t.at(place.Start.Line, place.Start.Column), t.at(place.End.Line, place.End.Column)}}
}

// mappingOf is the shape of the language that a block is written in.
func mappingOf(around []*hclsyntax.Block) string {
	if len(around) == 0 {
		return ""
	}
	block := around[len(around)-1]
	switch block.Type {
	case "step":
		if len(block.Labels) > 0 {
			return block.Labels[0]
		}
	case "docker":
		return "image"
	case "job", "approval":
		if len(around) > 1 || block.Type == "approval" {
			return "call"
		}
	case "job_group":
		return "group"
	case "filters":
		return "filter"
	}
	return block.Type
}

func (t *text) localNames() []string {
	var names []string
	if t.body == nil {
		return nil
	}
	for _, block := range t.body.Blocks {
		if block.Type == "locals" {
			names = append(names, slices.Sorted(maps.Keys(block.Body.Attributes))...)
		}
	}
	return names
}

func labels(body *hclsyntax.Body, kind string) []string {
	var names []string
	if body == nil {
		return nil
	}
	for _, block := range body.Blocks {
		if block.Type == kind && len(block.Labels) > 0 {
			names = append(names, block.Labels[0])
		}
	}
	return names
}

func prefixed(prefix string, names []string) []string {
	for i, name := range names {
		names[i] = prefix + name
	}
	return names
}
