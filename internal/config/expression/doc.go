// SPDX-License-Identifier: MPL-2.0

// Package expression is CircleCI's expression language, which stands in
// << >>, in the filters of a job and in the condition of a workflow:
//
//	pipeline.git.branch == "main" and not (pipeline.number < 10 or parameters.dry)
//
//	expression  or
//	or          and ( "or" and )*
//	and         equality ( "and" equality )*
//	equality    comparison ( ( "==" | "!=" | "starts-with" | "contains" | "matches" ) comparison )*
//	comparison  unary ( ( "<" | "<=" | ">" | ">=" ) unary )*
//	unary       ( "not" | "!" ) unary | primary
//	primary     integer | "text" | /pattern/ | true | false | name | "(" expression ")"
//
// Parse reads a text into an Expression, which can be evaluated any number of
// times, by several goroutines at once. Two rules differ from what one expects
// of such a language: only false and undefined are false (0 and "" are true),
// and a name that is declared and has no value is undefined, which is neither
// equal nor unequal to anything. `and` and `or` return one of their operands.
//
// The work is bounded: by the length of a text, by how deep it nests, by the
// size of its patterns, and by what Environment.Spend allows for matching.
package expression
