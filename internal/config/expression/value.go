// SPDX-License-Identifier: MPL-2.0

package expression

import "strconv"

// Kind is the type of a value.
type Kind uint8

// The kinds of values. Other is a value that the language knows nothing of,
// such as a list: it is true, and equal to nothing.
const (
	KindUndefined Kind = iota
	KindBoolean
	KindInteger
	KindString
	KindPattern
	KindOther
)

// Value is what an expression, or a part of one, evaluates to. The zero value
// is undefined.
type Value struct {
	kind    Kind
	truth   bool
	number  int64
	text    string
	pattern *Pattern
	// Origin is the caller's own: a value that comes out of an expression as it
	// went in still carries it. `and` and `or` return their operands so.
	Origin any
}

// Boolean returns true or false.
func Boolean(truth bool) Value { return Value{kind: KindBoolean, truth: truth} }

// Integer returns a whole number.
func Integer(number int64) Value { return Value{kind: KindInteger, number: number} }

// String returns a text.
func String(text string) Value { return Value{kind: KindString, text: text} }

// Other returns a value of which only the caller knows the meaning.
func Other(origin any) Value { return Value{kind: KindOther, Origin: origin} }

// From returns v with its origin.
func (v Value) From(origin any) Value {
	v.Origin = origin
	return v
}

// Kind returns the type.
func (v Value) Kind() Kind { return v.kind }

// Truthy is false for false and for undefined, and for nothing else.
func (v Value) Truthy() bool {
	return v.kind != KindUndefined && (v.kind != KindBoolean || v.truth)
}

// String returns the text of a string, and what others look like.
func (v Value) String() string {
	switch v.kind {
	case KindUndefined:
		return "undefined"
	case KindBoolean:
		return strconv.FormatBool(v.truth)
	case KindInteger:
		return strconv.FormatInt(v.number, 10)
	case KindPattern:
		return "/" + v.pattern.source + "/"
	}
	return v.text
}

// same tells whether two values, neither of them undefined, are equal. Values
// of different types never are.
func (v Value) same(other Value) bool {
	if v.kind != other.kind {
		return false
	}
	switch v.kind {
	case KindBoolean:
		return v.truth == other.truth
	case KindInteger:
		return v.number == other.number
	case KindString:
		return v.text == other.text
	case KindPattern:
		return v.pattern.source == other.pattern.source
	}
	return false
}
