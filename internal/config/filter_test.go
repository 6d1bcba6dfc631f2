// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
)

func TestFiltersAsExpressions(t *testing.T) {
	t.Parallel()
	text := `
version: 2.1
parameters: {force: {type: boolean, default: false}}
jobs:
  j: {machine: true, steps: [checkout]}
workflows:
  w:
    jobs:
      - j: {name: always}
      - j: {name: main, filters: pipeline.git.branch == "main"}
      - j: {name: tagged, filters: pipeline.git.tag starts-with "v"}
      - j: {name: either, filters: 'pipeline.git.branch matches /rel.*/ or pipeline.git.tag'}
      - j: {name: not-main, filters: pipeline.git.branch != "main"}
      - j: {name: never, filters: << pipeline.parameters.force >>}
      - j: {name: after, requires: [tagged], filters: "true"}
`
	for _, c := range []struct {
		values core.PipelineValues
		want   string
	}{
		{core.PipelineValues{"git.branch": "main"}, "always main"},
		{core.PipelineValues{"git.branch": "release"}, "always either not-main"},
		// Without a branch, what compares with one is undefined, which is false.
		{core.PipelineValues{"git.tag": "v1"}, "tagged either after"},
		{core.PipelineValues{"git.tag": "x1"}, "either"},
	} {
		var got []string
		for _, w := range mustCompile(t, text, c.values).Plan.Workflows {
			for _, j := range w.Jobs {
				got = append(got, j.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: got %q, want %q", c.values, strings.Join(got, " "), c.want)
		}
	}
}

func TestExpressionsForContextsAndParallelism(t *testing.T) {
	t.Parallel()
	text := `
version: 2.1
jobs:
  j: {machine: true, parallelism: << pipeline.git.branch == "main" and 8 or 2 >>, steps: [checkout]}
workflows:
  w: {jobs: [j: {context: << pipeline.git.branch == "main" and "prod" or "dev" >>}]}
`
	for branch, want := range map[string]string{"main": "8 prod", "x": "2 dev"} {
		job := mustCompile(t, text, core.PipelineValues{"git.branch": branch}).Plan.Workflows[0].Jobs[0]
		if got := string(rune('0'+job.Parallelism)) + " " + strings.Join(job.Contexts, ","); got != want {
			t.Errorf("%s: got %s, want %s", branch, got, want)
		}
	}
}

func TestOnlyTheValuesThatCountAreRead(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	text := "version: 2.1\njobs: {build: {machine: true, steps: [run: 'echo << pipeline.id or pipeline.git.revision >>']}}\n"
	request := core.CompileRequest{Config: text, Values: core.PipelineValues{"id": "1"}}
	if result, err := Compile(t.Context(), request, Options{Read: func(name string) { read[name] = true }}); result.Plan == nil || err != nil {
		t.Fatal(result.Errors, err)
	}
	if !read["id"] || !read["git.revision"] || read["number"] {
		t.Errorf("read %v", read)
	}
}
