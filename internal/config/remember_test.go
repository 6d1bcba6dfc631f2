// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"testing"

	"github.com/muster-ci/muster/core"
)

// What is remembered of a step or an executor is for the values that it names,
// and for the module that gave them.
func TestPartsAreExpandedForEachOfTheirValues(t *testing.T) {
	t.Parallel()
	const text = `version: 2.1
orbs:
  other:
    executors:
      e: {docker: [{image: inner/image}]}
    commands:
      say: {parameters: {what: {type: string}}, steps: [run: 'inner << parameters.what >>']}
    jobs:
      test:
        parameters: {e: {type: executor}, what: {type: string, default: x}}
        executor: << parameters.e >>
        steps: [say: {what: << parameters.what >>}]
executors:
  e: {docker: [{image: outer/image}]}
commands:
  say: {parameters: {what: {type: string}}, steps: [run: 'outer << parameters.what >>']}
jobs:
  test:
    parameters: {what: {type: string}, on: {type: boolean}, n: {type: integer}}
    executor: e
    parallelism: << parameters.n >>
    environment: {ON: << parameters.on >>}
    steps:
      - say: {what: << parameters.what >>}
      - when: {condition: << parameters.on >>, steps: [run: only]}
      - run: n<< parameters.n >>
workflows:
  w:
    jobs:
      - test: {matrix: {parameters: {what: [a, b], on: [true, false], n: [2, 3]}}}
      - test: {name: again, what: "a", on: false, n: 2}
      - other/test: {matrix: {parameters: {e: [e], what: [a, b]}}}
`
	result := compile(text, nil)
	if len(result.Errors) > 0 {
		t.Fatal(result.Errors)
	}
	got := map[string]string{}
	for _, job := range result.Plan.Workflows[0].Jobs {
		got[job.Name] = printed(job)
	}
	for _, what := range []string{"a", "b"} {
		for _, n := range []int{2, 3} {
			wantPrint(t, got, fmt.Sprintf("test-%d-true-%s", n, what), fmt.Sprintf("outer/image %d [{ON 1}] outer %s, only, n%d", n, what, n))
			wantPrint(t, got, fmt.Sprintf("test-%d-false-%s", n, what), fmt.Sprintf("outer/image %d [{ON 0}] outer %s, n%d", n, what, n))
		}
		wantPrint(t, got, "other/test-e-"+what, "outer/image 0 [] inner "+what)
	}
	wantPrint(t, got, "again", "outer/image 2 [{ON 0}] outer a, n2")
}

func printed(job core.JobPlan) string {
	line := fmt.Sprintf("%s %d %v ", job.Executor.Images[0].Image, job.Parallelism, job.Environment)
	for i, step := range job.Steps {
		if i > 0 {
			line += ", "
		}
		line += step.Run.Command
	}
	return line
}

func wantPrint(t *testing.T, got map[string]string, name, want string) {
	t.Helper()
	if got[name] != want {
		t.Errorf("%s: got %q, want %q", name, got[name], want)
	}
}

// A mistake that depends on a value is told for that value and no other.
func TestMistakesAreNotRemembered(t *testing.T) {
	t.Parallel()
	const text = `version: 2.1
commands:
  c: {parameters: {n: {type: integer}}, steps: [run: {command: x, max_auto_reruns: << parameters.n >>}]}
jobs:
  j: {parameters: {n: {type: integer}}, machine: true, steps: [c: {n: << parameters.n >>}]}
workflows: {w: {jobs: [j: {matrix: {parameters: {n: [1, 7, 5, 8, 7]}}}]}}
`
	wantError(t, core.CompileRequest{Config: text}, "7 is out of range")
	wantError(t, core.CompileRequest{Config: text}, "8 is out of range")
	if count := len(compile(text, nil).Errors); count != 2 {
		t.Errorf("got %d errors, want 2", count)
	}
}
