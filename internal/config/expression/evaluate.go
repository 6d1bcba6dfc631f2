// SPDX-License-Identifier: MPL-2.0

package expression

import "strings"

// Environment is what an evaluation may know and do.
type Environment struct {
	// Lookup returns the value of a name; false means that there is no such
	// name. A name without a value is there, and undefined.
	Lookup func(name string) (Value, bool)
	// Spend is asked before a pattern is matched, with the size of the pattern
	// times the length of the text; false ends the evaluation. Nil allows all.
	Spend func(work int) bool
}

// Evaluate returns the value of the expression. The second operand of `and` and
// `or` is looked at only when it counts. Errors are of type *Error.
func (e *Expression) Evaluate(env Environment) (Value, error) { return env.evaluate(e.root) }

func (env Environment) evaluate(n *node) (Value, error) {
	switch n.token.kind {
	case name:
		value, ok := env.Lookup(n.token.lexeme)
		if !ok {
			return Value{}, fault(UnknownName, n.token)
		}
		return value, nil
	case not:
		value, err := env.evaluate(n.right)
		return Boolean(!value.Truthy()), err
	case and, or:
		left, err := env.evaluate(n.left)
		if err != nil || left.Truthy() == (n.token.kind == or) {
			return left, err
		}
		return env.evaluate(n.right)
	}
	if n.left == nil {
		return n.token.value, nil
	}
	left, err := env.evaluate(n.left)
	if err != nil {
		return Value{}, err
	}
	right, err := env.evaluate(n.right)
	if err != nil || left.kind == KindUndefined || right.kind == KindUndefined {
		return Value{}, err
	}
	return env.operate(n.token, left, right)
}

// operate applies an operator to two values of which none is undefined.
func (env Environment) operate(operator token, left, right Value) (Value, error) {
	switch operator.kind {
	case equal:
		return Boolean(left.same(right)), nil
	case notEqual:
		return Boolean(!left.same(right)), nil
	case builtin:
		return env.builtin(operator, left, right)
	}
	if left.kind != KindInteger || right.kind != KindInteger {
		return Value{}, fault(ExpectedNumber, operator)
	}
	holds := false
	switch operator.kind {
	case greater:
		holds = left.number > right.number
	case greaterEqual:
		holds = left.number >= right.number
	case less:
		holds = left.number < right.number
	case lessEqual:
		holds = left.number <= right.number
	}
	return Boolean(holds), nil
}

func (env Environment) builtin(operator token, left, right Value) (Value, error) {
	function := strings.ToLower(operator.lexeme)
	if function == "matches" {
		return env.match(operator, left, right)
	}
	if left.kind != KindString || right.kind != KindString {
		return Value{}, fault(ExpectedString, operator)
	}
	if function == "contains" {
		return Boolean(strings.Contains(left.text, right.text)), nil
	}
	return Boolean(strings.HasPrefix(left.text, right.text)), nil
}

func (env Environment) match(operator token, left, right Value) (Value, error) {
	switch {
	case right.kind != KindPattern:
		return Value{}, fault(ExpectedPattern, operator)
	case left.kind != KindString:
		return Value{}, fault(ExpectedString, operator)
	case env.Spend != nil && !env.Spend(right.pattern.size*(1+len(left.text))):
		return Value{}, fault(TooMuchWork, operator)
	}
	return Boolean(right.pattern.Match(left.text)), nil
}
