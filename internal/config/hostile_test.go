// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// hostile returns small configs that ask for much work.
func hostile() map[string]string {
	doubling := "version: 2.1\ncommands:\n"
	for i := range 30 {
		doubling += fmt.Sprintf("  c%d: {steps: [c%d, c%d]}\n", i, i+1, i+1)
	}
	doubling += "  c30: {steps: [run: x]}\njobs:\n  build: {machine: true, steps: [c0]}\n"

	text := "version: 2.1\ncommands:\n"
	for i := range 20 {
		text += fmt.Sprintf("  t%d: {parameters: {a: {type: string}}, steps: [t%d: {a: \"%s\"}]}\n", i, i+1, strings.Repeat("<< parameters.a >>", 9))
	}
	text += "  t20: {parameters: {a: {type: string}}, steps: [run: << parameters.a >>]}\njobs:\n  build: {machine: true, steps: [t0: {a: xxxxxxxxxx}]}\n"

	big := "version: 2\njobs:\n  j:\n    machine: true\n    steps: [run: '" + strings.Repeat("x", 200_000) + "']\nworkflows: {version: 2, w: {jobs: [" + strings.Repeat("j, ", 5_000) + "]}}\n"
	var unknown strings.Builder
	unknown.WriteString("version: 2\njobs:\n")
	for i := range 1_400 {
		fmt.Fprintf(&unknown, "  job-%d: &j {machine: true, steps: [checkout]}\n", i)
	}
	unknown.WriteString("workflows: {version: 2, w: {jobs: [")
	for i := range 8_000 {
		fmt.Fprintf(&unknown, "jbo-%d, ", i)
	}
	return map[string]string{
		"command calls itself":  "version: 2.1\ncommands: {a: {steps: [a]}}\njobs: {build: {machine: true, steps: [a]}}\n",
		"commands that double":  doubling,
		"text that multiplies":  text,
		"one large job, often":  big,
		"unknown jobs":          unknown.String() + "]}}\n",
		"a regular expression":  "version: 2\njobs: {j: {machine: true, steps: [checkout]}}\nworkflows: {version: 2, w: {jobs: [j: {filters: {branches: {only: '/" + strings.Repeat("(a*)*", 300) + "/'}}}]}}\n",
		"a condition in a dive": "version: 2.1\njobs: {build: {machine: true, steps: [when: {steps: [], condition: " + strings.Repeat("{not: ", 95) + "1" + strings.Repeat("}", 95) + "}]}}\n",
		"ten thousand mistakes": "version: 2\njobs:\n  build:\n    machine: true\n    steps: [" + strings.Repeat("x, ", 10_000) + "]\n",
	}
}

func TestAPanicStaysInside(t *testing.T) {
	t.Parallel()
	told := false
	// A value that is none of JSON's panics nowhere today; the seam is tested
	// with a compiler that is broken on purpose.
	c := &compiler{problems: newProblems("f", "")}
	result := func() (result core.CompileResult) {
		defer c.recovered(&result, Options{Panicked: func(any, []byte) { told = true }})
		c.root.Get("x").Items[0] = nil
		return
	}()
	if !told || len(result.Errors) != 1 || strings.Contains(result.Errors[0].Message, "nil") {
		t.Errorf("got %+v", result)
	}
}

// FuzzCompile: nothing panics, and what compiles has a processed form with the
// same plan.
func FuzzCompile(f *testing.F) {
	for _, folder := range []string{"valid", "invalid", "warned", "projects"} {
		paths, _ := filepath.Glob(filepath.Join("testdata", folder, "*.yml"))
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text), "main", "")
			f.Add(string(text), "", "v1")
		}
	}
	f.Fuzz(func(t *testing.T, text, branch, tag string) {
		values := core.PipelineValues{"git.branch": branch, "git.tag": tag}
		request := core.CompileRequest{Config: text, Values: values}
		options := Options{Orbs: testOrbs(), Panicked: func(value any, stack []byte) { t.Fatalf("%v\n%s", value, stack) }}
		result, err := Compile(context.Background(), request, options)
		if err != nil {
			t.Fatal(err)
		}
		if (result.Plan == nil) != (len(result.Errors) > 0) {
			t.Fatalf("plan %v, errors %v", result.Plan, result.Errors)
		}
		if result.Plan == nil {
			return
		}
		request.Config = result.Processed
		again, _ := Compile(context.Background(), request, options)
		if diff := cmp.Diff(result.Plan, again.Plan); diff != "" {
			t.Fatalf("%s\n%v\n%s", diff, again.Errors, result.Processed)
		}
	})
}
