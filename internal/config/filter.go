// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/expression"
)

// filters say for which pipelines a job runs: by branch and tag, or by an
// expression, which decides alone.
type filters struct {
	branches *filterRule
	tags     *filterRule
	decided  decision
}

// decision is what an expression came to.
type decision uint8

const (
	undecided decision = iota
	runsAnyway
	runsNever
)

// filterRule is the `only` and `ignore` of branches or of tags. A rule without
// either accepts everything.
type filterRule struct {
	only, ignore []namePattern
}

// namePattern is a name, or a pattern that matches all of it.
type namePattern struct {
	text string
	re   *expression.Pattern // nil for a plain name
}

// accepts tells whether a rule lets a branch or a tag through.
func (c *compiler) accepts(r *filterRule, name string) bool {
	matches := func(patterns []namePattern) bool {
		return slices.ContainsFunc(patterns, func(p namePattern) bool {
			return p.re == nil && p.text == name || p.re != nil && c.match(nil, p.re, name)
		})
	}
	return (len(r.only) == 0 || matches(r.only)) && !matches(r.ignore)
}

// readFilters reads a mapping, or an expression with or without << >>. What it
// names are the pipeline's values and parameters, and those of a matrix.
func (c *compiler) readFilters(n *document.Node, s scope) filters {
	switch n.Kind {
	case document.Null:
		if isAbsent(n) {
			return filters{decided: runsNever}
		}
		return filters{}
	case document.Map:
		if !c.fields(n, filterKeys) {
			return filters{}
		}
		return filters{branches: c.filterRule(n.Get("branches")), tags: c.filterRule(n.Get("tags"))}
	case document.List:
		c.wrongType(n, document.Map)
		return filters{}
	}
	value := n
	if n.Kind == document.String {
		if value = c.expressionValue(n, s); value == nil {
			return filters{}
		}
	}
	if valueOf(value).Truthy() {
		return filters{decided: runsAnyway}
	}
	return filters{decided: runsNever}
}

func (c *compiler) filterRule(n *document.Node) *filterRule {
	if n == nil || n.Kind == document.Null || !c.fields(n, branchKeys) {
		return nil
	}
	r := &filterRule{only: c.patterns(n.Get("only")), ignore: c.patterns(n.Get("ignore"))}
	if len(r.only) == 0 && len(r.ignore) == 0 {
		return nil
	}
	return r
}

// patterns reads a name, a /regular expression/, or a list of them.
func (c *compiler) patterns(n *document.Node) []namePattern {
	if n == nil || n.Kind == document.Null {
		return nil
	}
	items := []*document.Node{n}
	if n.Kind == document.List {
		items = n.Items
	}
	list := make([]namePattern, 0, len(items))
	for _, item := range items {
		if !item.IsScalar() || item.Kind == document.Null {
			c.wrongType(item, document.String)
			continue
		}
		p := namePattern{text: item.Text}
		if len(p.text) > 1 && strings.HasPrefix(p.text, "/") && strings.HasSuffix(p.text, "/") {
			if p.re = c.pattern(item, p.text[1:len(p.text)-1]); p.re == nil {
				continue
			}
		}
		list = append(list, p)
	}
	return list
}

// runs tells whether a job runs in this pipeline. An expression decides alone;
// otherwise a pipeline of a tag runs only jobs with tag filters.
func (c *compiler) runs(f filters) bool {
	if f.decided != undecided {
		return f.decided == runsAnyway
	}
	if tag := c.value("git.tag"); tag != "" {
		return f.tags != nil && c.accepts(f.tags, tag)
	}
	return f.branches == nil || c.accepts(f.branches, c.value("git.branch"))
}

func (c *compiler) value(name string) string {
	c.read(name)
	switch v := c.request.Values[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// filter marks the jobs that do not run: those that their filters refuse, and
// those that require jobs of which none runs.
func (c *compiler) filter(w *workflow) {
	decided := make(map[*invocation]bool, len(w.jobs))
	// Explicit, since a chain may be as long as a workflow has jobs.
	stack := make([]*invocation, 0, len(w.jobs))
	for n := len(w.jobs) - 1; n >= 0; n-- {
		stack = append(stack, w.jobs[n])
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		if decided[i] {
			stack = stack[:len(stack)-1]
			continue
		}
		waits, left := false, 0
		for _, r := range i.requires {
			if !decided[r.job] {
				stack = append(stack, r.job)
				waits = true
			} else if !r.job.gone {
				left++
			}
		}
		if waits {
			continue
		}
		i.gone = !c.runs(i.filters) || len(i.requires) > 0 && left == 0
		decided[i] = true
		stack = stack[:len(stack)-1]
	}
}
