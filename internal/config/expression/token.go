// SPDX-License-Identifier: MPL-2.0

package expression

// kind is what a token is. Its text is the name that CircleCI's public corpus
// of test cases gives it.
type kind string

const (
	end          kind = "EOF"
	leftParen    kind = "LEFT_PAREN"
	rightParen   kind = "RIGHT_PAREN"
	not          kind = "NOT"
	and          kind = "AND"
	or           kind = "OR"
	equal        kind = "EQUAL"
	notEqual     kind = "NOT_EQUAL"
	greater      kind = "GREATER"
	greaterEqual kind = "GREATER_EQUAL"
	less         kind = "LESS"
	lessEqual    kind = "LESS_EQUAL"
	builtin      kind = "BUILTIN" // starts-with, contains, matches
	name         kind = "IDENTIFIER"
	number       kind = "NUMBER"
	text         kind = "STRING"
	pattern      kind = "PATTERN"
	yes          kind = "TRUE"
	no           kind = "FALSE"
)

// words are the names that mean something else. Only these two spellings do:
// "And" is a name.
var words = map[string]kind{
	"and": and, "AND": and, "or": or, "OR": or, "not": not, "NOT": not,
	"true": yes, "TRUE": yes, "false": no, "FALSE": no,
	"contains": builtin, "CONTAINS": builtin, "starts-with": builtin, "STARTS-WITH": builtin, "matches": builtin, "MATCHES": builtin,
}

// token is a piece of the text. position counts characters from 0.
type token struct {
	kind     kind
	lexeme   string
	position int
	value    Value // of a literal
}
