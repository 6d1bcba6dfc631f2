// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/muster-ci/muster/internal/config/document"
)

// job is a job block: a plan with parameters to fill in.
type job struct {
	block      *hclsyntax.Block
	parameters []parameter
	used       bool
}

// bodyBlocks of jobs and executors that are not simply a key.
var bodyBlocks = []string{"docker", "parameter", "step"}

// surroundings turns the body of a job or an executor into entries: each docker
// block is one image, the first of them the primary one.
func (r *reader) surroundings(body *hclsyntax.Body, ctx *hcl.EvalContext) []document.Entry {
	entries := r.plain(body, ctx, append([]string{"executor"}, bodyBlocks...)...)
	if attr := body.Attributes["executor"]; attr != nil {
		entries = r.executorAttribute(entries, attr, ctx)
	}
	var images []*document.Node
	var first hcl.Pos
	for _, block := range body.Blocks {
		if block.Type != "docker" || !r.labelled(block, 0) {
			continue
		}
		if len(images) == 0 {
			first = block.TypeRange.Start
		}
		images = append(images, r.mapping(block, ctx))
	}
	if len(images) > 0 {
		entries = append(entries, entry("docker", first.Line, first.Column, document.NewList(first.Line, first.Column, images)))
	}
	return entries
}

// jobNode expands a job with its arguments.
func (r *reader) jobNode(j *job, bound map[string]cty.Value) *document.Node {
	ctx := r.inner(bound)
	at := j.block.TypeRange.Start
	entries := r.surroundings(j.block.Body, ctx)
	nodes := r.steps(j.block.Body, ctx, 0)
	if slices.ContainsFunc(j.block.Body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "step" }) {
		entries = append(entries, entry("steps", at.Line, at.Column, document.NewList(at.Line, at.Column, nodes)))
	}
	return document.NewMap(at.Line, at.Column, entries)
}

// define makes a job of the document for a call, once for each set of
// arguments, and returns its name there: that of the job, or where that is taken
// the one that the call asks for.
func (r *reader) define(name, asked string, j *job, bound map[string]cty.Value) string {
	j.used = true
	key := name + " " + r.printOf(bound)
	if known, ok := r.definition[key]; ok {
		return known
	}
	called := name
	if r.defined[called] {
		called = asked
	}
	for r.defined[called] || called != name && r.jobs[called] != nil {
		r.repeats[name]++
		called = name + "-" + strconv.Itoa(r.repeats[name])
	}
	r.definition[key], r.defined[called] = called, true
	at := j.block.LabelRanges[0].Start
	r.jobEntries = append(r.jobEntries, entry(called, at.Line, at.Column, r.jobNode(j, bound)))
	return called
}

// printOf is equal for equal arguments. Steps are equal only to themselves.
func (r *reader) printOf(bound map[string]cty.Value) string {
	prints := make(map[string]string, len(bound))
	for _, name := range slices.Sorted(maps.Keys(bound)) {
		v := bound[name]
		if v.Type() == stepsType && !v.IsNull() {
			prints[name] = fmt.Sprintf("%p", v.EncapsulatedValue())
			continue
		}
		text, err := ctyjson.Marshal(v, cty.DynamicPseudoType)
		if err != nil {
			text = fmt.Appendf(nil, "%d", len(r.definition)) // equal to nothing
		}
		prints[name] = string(text)
	}
	text, _ := json.Marshal(prints) // of texts, so that it cannot fail
	return string(text)
}

// unusedJobs gives the compiler what no workflow calls, for its checks and its
// warning.
func (r *reader) unusedJobs(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		j := r.jobs[block.Labels[0]]
		if j == nil || j.used || j.block != block {
			continue
		}
		r.define(block.Labels[0], block.Labels[0], j, r.samples(j.parameters))
	}
}
