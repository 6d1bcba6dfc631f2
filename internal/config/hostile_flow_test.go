// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"
)

// hostileFlows returns small configs whose workflows ask for much work, with
// what the error says.
func hostileFlows() map[string][2]string {
	const head = "version: 2.1\njobs:\n  n: {type: no-op}\n  p: {parameters: {a: {type: integer}, b: {type: integer, default: 1}, c: {type: string, default: x}}, machine: true, steps: [run: 'echo << parameters.a >> << parameters.b >> << parameters.c >>']}\n"
	numbers := func(count int) string {
		list := make([]string, count)
		for i := range list {
			list[i] = fmt.Sprint(i)
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	flow := func(jobs string) string { return head + "workflows: {w: {jobs: [" + jobs + "]}}\n" }
	wide := "p: {matrix: {alias: m, parameters: {a: " + numbers(16) + ", b: " + numbers(32) + "}}}, "
	many := func(count int, entry func(i int) string) string {
		var b strings.Builder
		for i := range count {
			b.WriteString(entry(i))
		}
		return b.String()
	}
	product := "p: {matrix: {parameters: {" + many(200, func(i int) string { return fmt.Sprintf("a%d: %s, ", i, numbers(50)) })
	group := head + "job-groups: {g: {jobs: [" + strings.Repeat("n, ", 2000) + "]}}\nworkflows: {w: {jobs: ["
	group += many(2000, func(i int) string { return fmt.Sprintf("g: {name: g%d}, ", i) })
	unused := head + "job-groups: {" + many(2600, func(i int) string { return fmt.Sprintf("g%d: {jobs: [n, n]}, ", i) })
	contexts := many(20_000, func(i int) string { return fmt.Sprintf("c%d, ", i) })
	requires := wide + many(400, func(i int) string { return fmt.Sprintf("n: {name: n%d, requires: [m]}, ", i) })
	chain := many(2100, func(i int) string { return fmt.Sprintf("n: {name: n%d, requires: [n%d, n%d]}, ", i, i+1, i+2) })
	return map[string][2]string{
		"a product of 200 lists":     {flow(product + "}}}"), "more than 512 combinations"},
		"many matrices":              {flow(strings.Repeat(wide, 350)), "more than 5000 jobs"},
		"many jobs":                  {flow(strings.Repeat("n, ", 20_000)), "more than 5000 jobs"},
		"a large group, often":       {group + "]}}\n", "more than 5000 jobs"},
		"many groups that none use":  {unused + "}\nworkflows: {w: {jobs: [n]}}\n", "more than 5000 jobs"},
		"many contexts":              {flow("n: {context: [" + contexts + "]}"), "more than 100 different contexts"},
		"a matrix that many require": {flow(requires), "more than 100000 times"},
		"a long chain to nowhere":    {flow(chain), "is the name of 0 other jobs"},
		"a large exclude":            {flow("p: {matrix: {parameters: {a: " + numbers(500) + "}, exclude: [" + strings.Repeat("{a: 501}, {b: 1}, ", 2900) + "]}}"), "b is not a parameter of the matrix"},
	}
}
