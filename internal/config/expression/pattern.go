// SPDX-License-Identifier: MPL-2.0

package expression

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// MaxPattern is how many characters a pattern in an expression may have.
const MaxPattern = 256

// Limits of the instructions that patterns compile to. A short pattern with
// counted repetitions asks for many.
const (
	maxPatternSize  = 5_000  // of one
	maxPatternSizes = 10_000 // of all in an expression
)

// Pattern is a regular expression that must match the whole of a text.
type Pattern struct {
	source string
	re     *regexp.Regexp
	size   int
}

// CompilePattern reads RE2's syntax.
func CompilePattern(source string) (*Pattern, error) { return compile(source, source) }

// compile makes a pattern of RE2's syntax that is shown as another source.
func compile(source, shown string) (*Pattern, error) {
	// Read alone first: a stray parenthesis would close the group around it.
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		var detail *syntax.Error
		if errors.As(err, &detail) {
			return nil, fmt.Errorf("%s: `%s`", detail.Code, detail.Expr)
		}
		return nil, err
	}
	size := patternSize(tree)
	if size > maxPatternSize {
		return nil, fmt.Errorf("the pattern stands for more than %d instructions; that is the limit", maxPatternSize)
	}
	re, err := regexp.Compile(`\A(?:` + source + `)\z`)
	if err != nil {
		return nil, err
	}
	return &Pattern{source: shown, re: re, size: size}, nil
}

// String returns the source.
func (p *Pattern) String() string { return p.source }

// Size says what compiling the pattern cost, and what matching it costs for
// each byte of a text.
func (p *Pattern) Size() int { return p.size }

// Match tells whether the pattern matches all of a text.
func (p *Pattern) Match(text string) bool { return p.re.MatchString(text) }

// patternSize counts the instructions of a pattern, its repetitions written
// out. The library bounds how deep a tree is.
func patternSize(tree *syntax.Regexp) int {
	size := 1
	if tree.Op == syntax.OpLiteral {
		size = len(tree.Rune)
	}
	for _, sub := range tree.Sub {
		size = min(size+patternSize(sub), maxPatternSize+1)
	}
	if tree.Op == syntax.OpRepeat {
		size = min(size*max(1, tree.Min, tree.Max), maxPatternSize+1)
	}
	return size
}
