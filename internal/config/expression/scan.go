// SPDX-License-Identifier: MPL-2.0

package expression

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxLength is how many characters an expression may have.
const MaxLength = 2048

// scanner cuts a text into tokens.
type scanner struct {
	source []rune
	start  int // of the current token
	at     int
	sizes  int // of the patterns so far
	tokens []token
}

func scan(source string) ([]token, error) {
	if length := utf8.RuneCountInString(source); length > MaxLength {
		return nil, &Error{Kind: TooLong, Found: strconv.Itoa(length)}
	}
	s := &scanner{source: []rune(source)}
	for s.at < len(s.source) {
		s.start = s.at
		if err := s.token(); err != nil {
			return nil, err
		}
	}
	s.start = s.at
	s.add(end, Value{})
	return s.tokens, nil
}

// peek returns the character that many places ahead, 0 behind the end.
func (s *scanner) peek(ahead int) rune {
	if s.at+ahead >= len(s.source) {
		return 0
	}
	return s.source[s.at+ahead]
}

func (s *scanner) lexeme() string { return string(s.source[s.start:s.at]) }

func (s *scanner) add(k kind, value Value) {
	s.tokens = append(s.tokens, token{kind: k, lexeme: s.lexeme(), position: s.start, value: value})
}

// operator adds a token that is longer when "=" follows.
func (s *scanner) operator(alone, withEqual kind) {
	k := alone
	if s.peek(0) == '=' {
		s.at++
		k = withEqual
	}
	s.add(k, Value{})
}

func (s *scanner) token() error {
	c := s.source[s.at]
	s.at++
	switch {
	case c == ' ' || c == '\t' || c == '\r' || c == '\n':
	case c == '(':
		s.add(leftParen, Value{})
	case c == ')':
		s.add(rightParen, Value{})
	case c == '!':
		s.operator(not, notEqual)
	case c == '<':
		s.operator(less, lessEqual)
	case c == '>':
		s.operator(greater, greaterEqual)
	case c == '=':
		if s.peek(0) != '=' {
			return s.fail(IncompleteEquals, s.at)
		}
		s.operator(equal, equal)
	case c == '"':
		return s.text()
	case c == '/':
		return s.pattern()
	case isDigit(c):
		return s.number()
	case isLetter(c):
		s.word()
	default:
		return s.fail(UnexpectedCharacter, s.start)
	}
	return nil
}

// fail returns an error at a character of the text, or at its end.
func (s *scanner) fail(k ErrorKind, position int) error {
	found := ""
	if position < len(s.source) {
		found = string(s.source[position])
	}
	return &Error{Kind: k, Found: found, Position: position}
}

// text reads up to the closing quote. A backslash escapes a quote and itself,
// and is a character before anything else.
func (s *scanner) text() error {
	var b strings.Builder
	for ; s.at < len(s.source); s.at++ {
		c := s.source[s.at]
		if c == '"' {
			s.at++
			s.add(text, String(b.String()))
			return nil
		}
		if next := s.peek(1); c == '\\' && (next == '"' || next == '\\') {
			s.at++
			c = next
		}
		b.WriteRune(c)
	}
	return s.fail(UnterminatedString, s.start)
}

// pattern reads up to the closing slash. Of the backslashes only those before
// a slash are ours; the others belong to the regular expression.
func (s *scanner) pattern() error {
	var b strings.Builder
	for ; s.at < len(s.source); s.at++ {
		c, next := s.source[s.at], s.peek(1)
		switch {
		case c == '/':
			s.at++
			return s.addPattern(b.String())
		case c == '\\' && next == '/':
			s.at++
			c = next
		case c == '\\' && (next == 'u' || next == 'x'), c > 0xff:
			return s.fail(InvalidPatternCharacter, s.at)
		}
		b.WriteRune(c)
	}
	return s.fail(UnterminatedPattern, s.start)
}

func (s *scanner) addPattern(source string) error {
	if utf8.RuneCountInString(source) > MaxPattern {
		return s.fail(PatternTooLong, s.start)
	}
	p, err := CompilePattern(source)
	if err != nil {
		return &Error{Kind: InvalidPattern, Found: "/", Position: s.start, Err: err}
	}
	if s.sizes += p.size; s.sizes > maxPatternSizes {
		err := fmt.Errorf("the patterns stand for more than %d instructions; that is the limit", maxPatternSizes)
		return &Error{Kind: InvalidPattern, Found: "/", Position: s.start, Err: err}
	}
	s.add(pattern, Value{kind: KindPattern, pattern: p})
	return nil
}

func (s *scanner) number() error {
	for isDigit(s.peek(0)) {
		s.at++
	}
	value, err := strconv.ParseInt(s.lexeme(), 10, 64)
	if err != nil {
		return s.fail(InvalidNumber, s.start)
	}
	s.add(number, Integer(value))
	return nil
}

// word reads a name: a letter, then letters, digits and - _ ?, in parts that
// are joined by single dots.
func (s *scanner) word() {
	for isTail(s.peek(0)) || s.peek(0) == '.' && isTail(s.peek(1)) {
		s.at++
	}
	k, ok := words[s.lexeme()]
	switch {
	case !ok:
		s.add(name, Value{})
	case k == yes || k == no:
		s.add(k, Boolean(k == yes))
	default:
		s.add(k, Value{})
	}
}

func isDigit(c rune) bool  { return c >= '0' && c <= '9' }
func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isTail(c rune) bool   { return isLetter(c) || isDigit(c) || c == '-' || c == '_' || c == '?' }
