// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits of a text. HCL's lexer takes about a microsecond for a token and its
// parser recurses, so that they keep the worst text near 50 ms.
const (
	maxBytes   = 192 << 10
	maxMarks   = 30_000 // bytes that may be a token of their own
	maxNesting = 100    // of brackets and operators
	// maxSigns counts $ and % that begin nothing. The parser joins the literal
	// around each of them anew, which costs the square of their number.
	maxSigns = 2000
)

// scan refuses what would be costly to parse: first by bytes, then by tokens.
func (r *reader) scan(src []byte, most int) bool {
	if most <= 0 || most > maxBytes {
		most = maxBytes
	}
	marks, signs := count(src)
	way := "move long commands into scripts of the repository"
	start := hcl.Range{Start: hcl.InitialPos}
	switch {
	case len(src) > most:
		r.fail(start, fmt.Sprintf("The file has %d bytes; %d is the limit", len(src), most), way)
	case bytes.IndexByte(src, 0) >= 0:
		r.fail(start, "The file holds a zero byte; it is no text", "")
	case marks > maxMarks:
		r.fail(start, fmt.Sprintf("The file has %d signs of punctuation; %d is the limit", marks, maxMarks), way)
	case signs > maxSigns:
		r.fail(start, fmt.Sprintf("The file has %d times $ or %% in texts; %d is the limit", signs, maxSigns), way)
	default:
		return r.scanTokens(src)
	}
	return false
}

func count(src []byte) (marks, signs int) {
	for i, c := range src {
		switch {
		case c == '$' || c == '%':
			if i+1 == len(src) || src[i+1] != '{' {
				signs++
			}
			marks++
		case c > ' ' && c < '0', c > '9' && c < 'A', c > 'Z' && c < 'a' && c != '_', c > 'z' && c < 0x80:
			marks++
		}
	}
	return marks, signs
}

// scanTokens refuses nesting deeper than the parser's recursion should go. It
// looks at tokens, without recursion.
func (r *reader) scanTokens(src []byte) bool {
	tokens, _ := hclsyntax.LexConfig(src, r.file, hcl.InitialPos)
	depth, run := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth--
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			run++ // these nest without a bracket
		case hclsyntax.TokenNewline:
			run = 0
		}
		if depth > maxNesting || run > 10*maxNesting {
			r.fail(t.Range, fmt.Sprintf("Brackets or operators are nested deeper than %d levels; that is the limit", maxNesting), "give parts a name under locals")
			return false
		}
	}
	return true
}
