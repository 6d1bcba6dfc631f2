// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// maxProblems are shown at once.
const maxProblems = 100

// problems collects mistakes; the same one at the same place counts once,
// however often what holds it is expanded.
type problems struct {
	file string
	text string
	list []core.ConfigError
	seen map[string]bool
}

// fail notes a mistake at a range.
func (p *problems) fail(at hcl.Range, message, suggestion string) {
	key := fmt.Sprintf("%d:%d:%s", at.Start.Line, at.Start.Column, message)
	if p.seen[key] || len(p.list) > maxProblems {
		return
	}
	p.seen[key] = true
	if len(p.list) == maxProblems {
		p.list = append(p.list, core.ConfigError{File: p.file, Message: "and more errors"})
		return
	}
	p.list = append(p.list, core.ConfigError{
		Message: message, Suggestion: suggestion, File: p.file, Line: at.Start.Line, Column: at.Start.Column,
	})
}

// diagnose takes over what hcl found.
func (p *problems) diagnose(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		var at hcl.Range
		if d.Subject != nil {
			at = *d.Subject
		}
		p.fail(at, d.Summary, strings.TrimSpace(strings.ReplaceAll(d.Detail+" "+nearest(d), "\n", " ")))
	}
}

// nearest looks for the attribute that a reference may have meant.
func nearest(d *hcl.Diagnostic) string {
	t, ok := d.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || d.EvalContext == nil {
		return ""
	}
	for end := 1; end < len(t.Traversal); end++ {
		v, diags := t.Traversal[:end].TraverseAbs(d.EvalContext)
		step, isName := t.Traversal[end].(hcl.TraverseAttr)
		if diags.HasErrors() || !isName || !v.Type().IsObjectType() {
			return ""
		}
		if names := v.Type().AttributeTypes(); !v.Type().HasAttribute(step.Name) {
			return config.Suggest(step.Name, slices.Sorted(maps.Keys(names)))
		}
	}
	return ""
}

// sorted returns the mistakes in the order of the file, with excerpts.
func (p *problems) sorted() []core.ConfigError {
	lines := document.NewLines(p.text)
	for i := range p.list {
		p.list[i].Excerpt = lines.Excerpt(p.list[i].Line, p.list[i].Column)
	}
	last := func(e core.ConfigError) int {
		if e.Line == 0 {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(p.list, func(a, b core.ConfigError) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return p.list
}
