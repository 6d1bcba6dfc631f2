// SPDX-License-Identifier: MPL-2.0

package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrorKind is what is wrong, by the stage that noticed it. The names are those
// of CircleCI's public corpus of test cases; the last ones are limits of ours.
type ErrorKind string

// The kinds of errors.
const (
	UnexpectedCharacter     ErrorKind = "Scanner/UNEXPECTED_CHARACTER"
	IncompleteEquals        ErrorKind = "Scanner/INCOMPLETE_EQUALS"
	InvalidNumber           ErrorKind = "Scanner/INVALID_NUMERIC_LITERAL"
	UnterminatedString      ErrorKind = "Scanner/UNTERMINATED_STRING"
	UnterminatedPattern     ErrorKind = "Scanner/UNTERMINATED_PATTERN"
	InvalidPattern          ErrorKind = "Scanner/INVALID_PATTERN"
	InvalidPatternCharacter ErrorKind = "Scanner/INVALID_PATTERN_CHARACTER"
	PatternTooLong          ErrorKind = "Scanner/PATTERN_TOO_LONG"
	ExpectedExpression      ErrorKind = "Parser/EXPECTED_EXPRESSION"
	ExpectedRightParen      ErrorKind = "Parser/EXPECTED_RIGHT_PAREN"
	AdditionalInput         ErrorKind = "Parser/UNEXPECTED_ADDITIONAL_INPUT"
	UnknownBuiltin          ErrorKind = "Parser/UNKNOWN_BUILTIN_FUNCTION"
	ExpectedNumber          ErrorKind = "Interpreter/EXPECTED_NUMERIC_OPERAND"
	ExpectedString          ErrorKind = "Interpreter/EXPECTED_STRING_OPERAND"
	ExpectedPattern         ErrorKind = "Interpreter/EXPECTED_PATTERN_OPERAND"
	UnknownName             ErrorKind = "Interpreter/UNKNOWN_VARIABLE"
	TooLong                 ErrorKind = "Scanner/EXPRESSION_TOO_LONG"
	TooDeep                 ErrorKind = "Parser/EXPRESSION_TOO_DEEP"
	TooMuchWork             ErrorKind = "Interpreter/TOO_MUCH_WORK"
)

// Error is a mistake in an expression, or a limit that it goes beyond.
type Error struct {
	Kind ErrorKind
	// Found is the piece of the text that the error is about: a character for
	// the scanner, a token for the others. It is empty at the end of the text.
	Found    string
	Token    string // the kind of that token; "" for the scanner
	Position int    // of Found, in characters from 0
	Err      error  // what the regular expression library says
}

// fault returns an error about a token.
func fault(k ErrorKind, t token) error {
	return &Error{Kind: k, Found: t.lexeme, Token: string(t.kind), Position: t.position}
}

// Error is the first line of Explain.
func (e *Error) Error() string { return strings.TrimSuffix(e.sentence(), ":") }

// Unwrap returns what a library said.
func (e *Error) Unwrap() error { return e.Err }

// Explain returns CircleCI's sentence, the line of the source that holds the
// mistake, and carets under it.
func (e *Error) Explain(source string) string {
	if e.Kind == TooLong || e.Kind == TooMuchWork {
		return e.sentence()
	}
	line, before := lineAt(source, e.Position)
	carets := max(1, utf8.RuneCountInString(e.Found))
	carets = max(1, min(carets, utf8.RuneCountInString(line)-before))
	return e.sentence() + "\n" + line + "\n" + strings.Repeat(" ", before) + strings.Repeat("^", carets)
}

// lineAt returns the line that holds a character, and how many of the line's
// characters stand before it.
func lineAt(source string, position int) (line string, before int) {
	for _, candidate := range strings.Split(source, "\n") {
		length := utf8.RuneCountInString(candidate)
		line, before = candidate, min(position, length)
		if position <= length {
			break
		}
		position -= length + 1
	}
	return line, before
}

func (e *Error) sentence() string {
	switch e.Kind {
	case UnexpectedCharacter:
		return fmt.Sprintf("Unexpected character '%s':", e.Found)
	case IncompleteEquals:
		return fmt.Sprintf("Incomplete token, expected \"==\", found '%s':", e.Found)
	case InvalidNumber:
		return "Invalid numeric literal, numbers can range from 0 to 2^63 - 1:"
	case UnterminatedString:
		return "Unterminated string starting here:"
	case UnterminatedPattern:
		return "Unterminated pattern starting here:"
	case InvalidPattern:
		return "Syntax error in pattern:"
	case InvalidPatternCharacter:
		return "Invalid pattern character, only ASCII and Latin-1 are allowed in patterns:"
	case PatternTooLong:
		return fmt.Sprintf("Pattern length exceeded, limit is %d characters:", MaxPattern)
	case ExpectedExpression:
		return fmt.Sprintf("Expected expression, found \"%s\":", e.Found)
	case ExpectedRightParen:
		return "Expected ')' after expression:"
	case AdditionalInput:
		return fmt.Sprintf("Unexpected additional input, found \"%s\", expected EOF:", e.Found)
	case UnknownBuiltin:
		return "Unknown infix function:"
	case ExpectedNumber:
		return fmt.Sprintf("Expected numeric operands to \"%s\" operator:", e.Found)
	case ExpectedString:
		return fmt.Sprintf("Expected string operands to \"%s\" operator:", e.Found)
	case ExpectedPattern:
		return fmt.Sprintf("Expected the right operand to \"%s\" operator to be a pattern:", e.Found)
	case UnknownName:
		return fmt.Sprintf("Referred to a variable \"%s\" that does not exist:", e.Found)
	case TooLong:
		return fmt.Sprintf("Expressions must be less than %d characters, this one is %s", MaxLength, e.Found)
	case TooDeep:
		return fmt.Sprintf("Expressions nest at most %d levels deep; that is the limit:", maxDepth)
	case TooMuchWork:
		return "Matching patterns takes too much work; use shorter texts or simpler patterns"
	}
	return string(e.Kind)
}
