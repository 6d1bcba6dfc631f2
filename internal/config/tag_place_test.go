// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A mistake in a script is shown in its own line.
func TestMistakesInATextOfLinesHaveTheirLine(t *testing.T) {
	t.Parallel()
	const text = `version: 2.1
jobs:
  build:
    machine: true
    steps:
      - run: |
          echo parameters.one
          echo << parameters.one >>
          echo << 1 < "a" >> <<# parameters.two >>x<</ parameters.two >>
      - run:
          name: Two
          command: >-
            é << parameters.three >>
            << 1 + >>
`
	var got []string
	for _, e := range compile(text, nil).Errors {
		got = append(got, fmt.Sprintf("%d:%d", e.Line, e.Column))
	}
	if diff := cmp.Diff([]string{"8:16", "9:16", "9:30", "13:15", "14:13"}, got); diff != "" {
		t.Errorf("%s\n%v", diff, compile(text, nil).Errors)
	}
}

// The values of a matrix are known in filters that are an expression.
func TestFiltersSeeTheMatrix(t *testing.T) {
	t.Parallel()
	const text = `version: 2.1
jobs:
  test: {parameters: {os: {type: string}}, machine: true, steps: [run: << parameters.os >>]}
workflows:
  w:
    jobs:
      - test: {matrix: {parameters: {os: [a, b]}}, filters: matrix.os == "b"}
`
	result := compile(text, nil)
	if len(result.Errors) > 0 {
		t.Fatal(result.Errors)
	}
	var got []string
	for _, job := range result.Plan.Workflows[0].Jobs {
		got = append(got, job.Name)
	}
	if diff := cmp.Diff([]string{"test-b"}, got); diff != "" {
		t.Error(diff)
	}
}
