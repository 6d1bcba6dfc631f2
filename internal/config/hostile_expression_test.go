// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
)

// hostileExpressions returns configs whose expressions, templates, patterns or
// parameters ask for much work, each with a part of the mistake that ends it.
func hostileExpressions() map[string][2]string {
	const head = "version: 2.1\n"
	job := func(parameters, steps string) string {
		return head + "jobs: {build: {parameters: {" + parameters + "}, machine: true, steps: [" + steps + "]}}\n"
	}
	var distinct, declared, given, patterns, calls strings.Builder
	for i := range 3_900 {
		fmt.Fprintf(&calls, "c: {n: %d}, ", i)
	}
	for i := range 5_900 {
		fmt.Fprintf(&distinct, "run: '<< 1 < %d >>', ", i)
	}
	for i := range 2_600 {
		fmt.Fprintf(&declared, "p%d: {type: integer, default: 1}, ", i)
	}
	for i := range 900 {
		fmt.Fprintf(&given, "g%d: {type: integer, default: 1}, ", i)
		fmt.Fprintf(&patterns, "when: {condition: {matches: {pattern: '(a{90}|b{90}){9}%d', value: x}}, steps: []}, ", i)
	}
	steps := func(list string, key string) string {
		return "{" + strings.ReplaceAll(strings.TrimSuffix(list, ", "), ", "+key+":", "}, {"+key+":") + "}"
	}
	long := strings.Repeat("a ", 600)
	return map[string][2]string{
		"an expression in a dive": {job("", "run: '<< "+strings.Repeat("(", 2000)+" >>'"), "100 levels deep; that is the limit"},
		"a long expression":       {job("", "run: '<< "+strings.Repeat("1 or ", 55_000)+"1 >>'"), "less than 2048 characters"},
		"different expressions":   {job("", steps(distinct.String(), "run")), "2000 different expressions; that is the limit"},
		"sections in a dive":      {job("f: {type: boolean, default: true}", "run: '"+strings.Repeat("<<# parameters.f >>", 39_000)+"'"), "50 levels deep; that is the limit"},
		"unclosed tags":           {job("", "run: '"+strings.Repeat("<<", 390_000)+"'"), "Expected expression after '<<'"},
		"escapes and a mistake":   {job("", "run: '"+strings.Repeat(`\<<>>`, 150_000)+"<<'"), "Expected expression after '<<'"},
		"many parameters":         {job(declared.String(), "checkout"), "1000 is the limit"},
		"many arguments": {
			head + "commands: {c: {parameters: {" + given.String() + "}, steps: [checkout]}}\njobs: {build: {machine: true, steps: [" + strings.Repeat("c, ", 15_500) + "]}}\n",
			"units of work; that is the limit",
		},
		"large patterns": {job("", steps(patterns.String(), "when")), "units of work; that is the limit"},
		"a pattern on a long text": {
			job("t: {type: string, default: '"+strings.Repeat("a", 100_000)+"'}", "{when: {condition: '<< parameters.t matches /(a*)*(a*)*(a*)*(a*)*b/ >>', steps: []}}"),
			"units of work; that is the limit",
		},
		"one expression, often": {
			head + "commands: {c: {parameters: {n: {type: integer}}, steps: [run: '<< " + strings.Repeat("pipeline.number == 1 or ", 80) + "parameters.n >>']}}\njobs: {build: {machine: true, steps: [" + strings.TrimSuffix(calls.String(), ", ") + "]}}\n",
			"units of work; that is the limit",
		},
		"a text that grows": {
			job("t: {type: string, default: '"+long+"'}", "run: '"+strings.Repeat("<< parameters.t >>", 10_000)+"'"),
			"bytes; that is the limit",
		},
		"a condition in a dive": {
			job("", "{when: {steps: [], condition: "+strings.Repeat("{not: ", 200)+"1"+strings.Repeat("}", 200)+"}}"),
			"deep",
		},
	}
}

func TestLimitsOfWhatATriggerGives(t *testing.T) {
	t.Parallel()
	many := map[string]any{}
	for i := range 100_000 {
		many[fmt.Sprint(i)] = i
	}
	for want, parameters := range map[string]map[string]any{
		"The trigger gives 100000 pipeline parameters; 100 is the limit":                     many,
		"has 129 characters; 128 is the limit":                                               {strings.Repeat("k", 129): 1},
		"The value of the pipeline parameter s has 513 characters; 512":                      {"s": strings.Repeat("é", 513)},
		"Unexpected argument(s): other":                                                      {"other": true},
		`Type error for argument s: expected type: string, actual value: "1" (type integer)`: {"s": 1.0},
		"The pipeline parameter s has a value of type []interface {}":                        {"s": []any{}},
	} {
		request := core.CompileRequest{Config: "version: 2.1\nparameters: {s: {type: string, default: x}}\njobs: {build: {machine: true, steps: [checkout]}}\n", Parameters: parameters}
		result, _ := Compile(t.Context(), request, Options{})
		if len(result.Errors) == 0 || !strings.Contains(result.Errors[0].Message, want) {
			t.Errorf("got %v, want %s", result.Errors, want)
		}
	}
}
