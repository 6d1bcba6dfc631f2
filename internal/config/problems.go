// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// problems collects mistakes. The same one at the same place is told once,
// however often the definition that holds it is used.
type problems struct {
	main     *source
	sources  map[*document.Node]*source // of orbs, by the root of their documents
	files    map[string]string          // names of orbs, by digest
	errors   []core.ConfigError
	warnings []core.ConfigError
	seen     map[seenProblem]bool
	keys     []seenProblem // of errors
	more     int
	calls    []string // "Error calling job: 'x'", outermost first
	compared int      // names that near looked at
	// unsure counts the parts around the current one that do not run, or whose
	// arguments are made up. What is written there is checked; a value that came
	// from elsewhere may be one that the part would never get.
	unsure int
}

type seenProblem struct {
	digest       string // of the source
	line, column int
	message      string
}

// source is a text that mistakes are shown in.
type source struct {
	file   string
	digest string                 // of an orb's
	lines  func() *document.Lines // split when first needed
}

func newSource(file, text string) *source {
	return &source{file: file, lines: sync.OnceValue(func() *document.Lines { return document.NewLines(text) })}
}

func newProblems(file, text string) *problems {
	return &problems{main: newSource(file, text), sources: map[*document.Node]*source{}, files: map[string]string{}, seen: map[seenProblem]bool{}}
}

// addSource makes the text of an orb one that mistakes are shown in, called by
// the reference with the version that was meant.
func (p *problems) addSource(o *loaded) {
	p.files[o.source.digest] = o.file()
	if o.source.root == nil {
		return // no place in it is known
	}
	s := *o.source.place
	s.file = o.file()
	p.sources[o.source.root] = &s
}

// sourceOf finds out in which text a node was written.
func (p *problems) sourceOf(n *document.Node) *source {
	if n == nil || len(p.sources) == 0 {
		return p.main
	}
	if s := p.sources[n.Root()]; s != nil {
		return s
	}
	return p.main
}

// fail notes an error at a node; nil means that no place is known.
func (p *problems) fail(n *document.Node, message, suggestion string) {
	if p.unsure > 0 && n != nil && n.Derived && n.IsScalar() {
		return
	}
	if len(p.errors) >= maxErrors {
		p.more++
		return
	}
	if e, key, ok := p.problem(n, message, suggestion); ok {
		if len(p.calls) > 0 {
			e.Message = strings.Join(append(slices.Clone(p.calls), message), "\n")
		}
		p.errors, p.keys = append(p.errors, e), append(p.keys, key)
	}
}

// warn notes a warning, unless it is about a fetched orb: whoever uses that
// cannot change it. It is told without the calls that led to its place: it is
// about what is written, and no less right for another caller.
func (p *problems) warn(n *document.Node, message, suggestion string) {
	if len(p.warnings) >= maxErrors || p.sourceOf(n) != p.main {
		return
	}
	if e, _, ok := p.problem(n, message, suggestion); ok {
		p.warnings = append(p.warnings, e)
	}
}

func (p *problems) problem(n *document.Node, message, suggestion string) (core.ConfigError, seenProblem, bool) {
	s := p.sourceOf(n)
	e := core.ConfigError{Message: message, File: s.file, Suggestion: suggestion}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	key := seenProblem{digest: s.digest, line: e.Line, column: e.Column, message: message}
	if p.seen[key] {
		return e, key, false
	}
	p.seen[key] = true
	if n != nil {
		e.Path = clip(n.Path())
		e.Excerpt = s.lines().Excerpt(e.Line, e.Column)
	}
	return e, key, true
}

// adopt adds the errors of an orb that were found when it was read or checked
// by itself. Its warnings are for its author.
func (p *problems) adopt(found *problems) {
	for i, e := range found.errors {
		key := found.keys[i]
		if p.seen[key] {
			continue
		}
		p.seen[key] = true
		if len(p.errors) >= maxErrors {
			p.more++
			continue
		}
		e.File = p.files[key.digest]
		e.Message = strings.Join(append(slices.Clone(p.calls), e.Message), "\n")
		p.errors, p.keys = append(p.errors, e), append(p.keys, key)
	}
	p.more += found.more
}

// sorted returns problems in the order of the file, then those of each orb.
func (p *problems) sorted(list []core.ConfigError) []core.ConfigError {
	slices.SortStableFunc(list, func(a, b core.ConfigError) int {
		switch {
		case a.File == b.File:
		case a.File == p.main.file:
			return -1
		case b.File == p.main.file:
			return 1
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if p.more > 0 && len(list) == maxErrors {
		list = append(list, core.ConfigError{File: p.main.file, Message: fmt.Sprintf("and %d more errors", p.more)})
	}
	return list
}

// unsurely runs f in a part that does not run, or whose arguments are made up.
func (p *problems) unsurely(f func()) {
	p.unsure++
	f()
	p.unsure--
}

// within runs f with a line in front of every error that it finds.
func (p *problems) within(call string, f func()) {
	p.calls = append(p.calls, call)
	f()
	p.calls = p.calls[:len(p.calls)-1]
}

// clip keeps quotes from the config at a readable length.
func clip(text string) string {
	const most = 120
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i] + " ..."
	}
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// suggest names the candidate that a person may have meant, "" when none is
// near.
func suggest(word string, candidates []string) string {
	// Enough for any config that a person reads; a larger one shall not pay for
	// its mistakes with the product of names and mistakes.
	candidates = candidates[:min(len(candidates), 1000)]
	if len(word) > 100 {
		return ""
	}
	best, distance := "", 1+max(1, min(3, len(word)/2))
	for _, candidate := range candidates {
		if gap := len(candidate) - len(word); candidate == word || gap >= distance || -gap >= distance {
			continue
		}
		if d := edits(word, candidate, distance); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// maxCompared bounds the names that one compilation, and the reading of an orb,
// compares with misspelt ones.
const maxCompared = 5_000

// near is suggest for the names that a config defines, of which there may be
// thousands, and as many mistakes: after a while nobody reads on.
func (p *problems) near(word string, names []string) string {
	if p.compared > maxCompared {
		return ""
	}
	p.compared += len(names)
	return suggest(word, names)
}

// edits counts the changes of single bytes, swaps of neighbours included as
// two, that make one word the other, whatever their case; it stops counting at
// most. No word is longer than what suggest lets through.
func edits(a, b string, most int) int {
	var row [128]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if lower(a[i]) != lower(b[j]) {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
			least = min(least, row[j+1])
		}
		if least >= most {
			return most
		}
	}
	return row[len(b)]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// listed joins names for a sentence, the first few of many.
func listed(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}
