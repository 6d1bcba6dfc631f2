// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/muster-ci/muster/internal/config/document"
)

// executor is an executor block. Like a job it is expanded for each set of
// arguments.
type executor struct {
	block      *hclsyntax.Block
	parameters []parameter
	used       bool
}

// executorAttribute writes `executor`: a name, or an object of the name and
// arguments. One of the file is replaced by what its arguments make of it; any
// other is an orb's, and the compiler's to find.
func (r *reader) executorAttribute(entries []document.Entry, attr *hclsyntax.Attribute, ctx *hcl.EvalContext) []document.Entry {
	v, ok := r.value(attr.Expr, ctx)
	if !ok || v.IsNull() {
		return entries
	}
	place, at := attr.Expr.Range(), attr.NameRange.Start
	name, isName := plainText(v)
	var given []argument
	if !isName && v.Type().IsObjectType() && v.Type().HasAttribute("name") {
		name, _ = plainText(v.GetAttr("name"))
		for _, key := range sortedKeys(v) {
			if key != "name" {
				given = append(given, argument{name: key, value: v.GetAttr(key), place: place})
			}
		}
	}
	e := r.executors[name]
	if e == nil {
		if n := r.node(v, place); n != nil {
			entries = append(entries, entry("executor", at.Line, at.Column, n))
		}
		return entries
	}
	bound, ok := r.bind(e.parameters, given, place)
	if !ok {
		return entries
	}
	start := place.Start
	called := r.defineExecutor(name, e, bound)
	return append(entries, entry("executor", at.Line, at.Column, document.NewScalar(document.String, called, start.Line, start.Column)))
}

func sortedKeys(object cty.Value) []string {
	var keys []string
	for it := object.ElementIterator(); it.Next(); {
		key, _ := it.Element()
		keys = append(keys, key.AsString())
	}
	return keys
}

// defineExecutor makes an executor of the document, once for each set of
// arguments.
func (r *reader) defineExecutor(name string, e *executor, bound map[string]cty.Value) string {
	e.used = true
	key := "executor " + name + " " + r.printOf(bound)
	if known, ok := r.definition[key]; ok {
		return known
	}
	called := name
	for n := 1; r.definedExecutors[called] || called != name && r.executors[called] != nil; n++ {
		r.budget.spend(1)
		called = name + "-" + strconv.Itoa(n)
	}
	r.definition[key], r.definedExecutors[called] = called, true
	at := e.block.TypeRange.Start
	body := document.NewMap(at.Line, at.Column, r.surroundings(e.block.Body, r.inner(bound)))
	r.executorEntries = append(r.executorEntries, entry(called, at.Line, at.Column, body))
	return called
}

// unusedExecutors gives the compiler what no job names, for its checks.
func (r *reader) unusedExecutors(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		if e := r.executors[block.Labels[0]]; e != nil && !e.used {
			r.defineExecutor(block.Labels[0], e, r.samples(e.parameters))
		}
	}
}
