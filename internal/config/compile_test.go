// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func compile(text string, values core.PipelineValues) core.CompileResult {
	if values == nil {
		values = core.PipelineValues{"git.branch": "main"}
	}
	return ask(core.CompileRequest{Config: text, Values: values})
}

// ask compiles with the orbs of testdata/orbs.
func ask(request core.CompileRequest) core.CompileResult {
	result, err := Compile(context.Background(), request, Options{Orbs: testOrbs()})
	if err != nil {
		panic(err) // the test's registry always answers
	}
	return result
}

// mustCompile compiles, and compiles what came out, which must be the same.
func mustCompile(t *testing.T, text string, values core.PipelineValues) core.CompileResult {
	t.Helper()
	result := compile(text, values)
	for _, e := range result.Errors {
		t.Errorf("%s", e)
	}
	if result.Plan == nil {
		t.FailNow()
	}
	again := compile(result.Processed, values)
	if diff := cmp.Diff(result.Plan, again.Plan); diff != "" {
		t.Errorf("the processed config has another plan: %s\n%v\n%s", diff, again.Errors, result.Processed)
	}
	if diff := cmp.Diff(result.Processed, again.Processed); diff != "" {
		t.Errorf("processing twice differs: %s", diff)
	}
	return result
}

// golden compares a text with a file, or rewrites the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; `go test ./internal/config -update` rewrites it\n%s", path, diff)
	}
}

func configs(t *testing.T, folder string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no configs in %s: %v", folder, err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(path, ".yml")] = string(text)
	}
	return texts
}

func TestValidConfigs(t *testing.T) {
	t.Parallel()
	for path, text := range configs(t, "valid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			result := mustCompile(t, text, nil)
			plan, err := json.MarshalIndent(result.Plan, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path+".plan.json", string(plan)+"\n")
			golden(t, path+".processed", result.Processed)
		})
	}
}

func TestInvalidConfigs(t *testing.T) {
	t.Parallel()
	for path, text := range configs(t, "invalid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			result := compile(text, nil)
			if result.Plan != nil || len(result.Errors) == 0 {
				t.Fatal("a broken config was compiled")
			}
			var b strings.Builder
			for _, e := range result.Errors {
				b.WriteString(e.String() + "\n  at " + e.Path + "\n")
			}
			for _, e := range result.Warnings {
				b.WriteString("warning: " + e.String() + "\n")
			}
			golden(t, path+".errors", b.String())
		})
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	text := `
version: 2
jobs:
  j: {machine: true, steps: [checkout]}
workflows:
  version: 2
  w:
    jobs:
      - j: {name: always}
      - j: {name: main, filters: {branches: {only: main}}}
      - j: {name: notmain, filters: {branches: {ignore: [main, /x-.*/]}}}
      - j: {name: both, filters: {branches: {only: /rel.*/, ignore: release}}}
      - j: {name: tagged, filters: {tags: {only: /v.*/}}}
      - j: {name: after-main, requires: [main]}
      - j: {name: after-two, requires: [main, always]}
      - j: {name: far, requires: [after-main]}
      - j: {name: tag-after, requires: [tagged], filters: {tags: {only: /.*/}, branches: {ignore: /.*/}}}
`
	for _, c := range []struct {
		values core.PipelineValues
		want   string
	}{
		{core.PipelineValues{"git.branch": "main"}, "always main tagged after-main<main after-two<main<always far<after-main"},
		{core.PipelineValues{"git.branch": "x-1"}, "always tagged after-two<always"},
		{core.PipelineValues{"git.branch": "mainx"}, "always notmain tagged after-two<always"},
		{core.PipelineValues{"git.branch": "rel1"}, "always notmain both tagged after-two<always"},
		{core.PipelineValues{"git.tag": "v1"}, "tagged tag-after<tagged"},
		{core.PipelineValues{"git.tag": "x1"}, ""},
	} {
		var got []string
		for _, w := range mustCompile(t, text, c.values).Plan.Workflows {
			for _, j := range w.Jobs {
				for _, r := range j.Requires {
					j.Name += "<" + r.Job
				}
				got = append(got, j.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: got %q, want %q", c.values, strings.Join(got, " "), c.want)
		}
	}
}

func TestPipelineParametersOfTheTrigger(t *testing.T) {
	t.Parallel()
	text := `
version: 2.1
parameters:
  n: {type: integer, default: 1}
  s: {type: string, default: x}
jobs:
  build: {machine: true, parallelism: << pipeline.parameters.n >>, steps: [run: echo << pipeline.parameters.s >>]}
`
	request := core.CompileRequest{Config: text, Parameters: map[string]any{"n": float64(4), "s": "hi"}}
	result := ask(request)
	if result.Plan == nil {
		t.Fatal(result.Errors)
	}
	job := result.Plan.Workflows[0].Jobs[0]
	if job.Parallelism != 4 || job.Steps[0].Run.Command != "echo hi" {
		t.Errorf("got %+v", job)
	}
	for name, value := range map[string]any{"n": "4", "m": true, "s": 1.0} {
		request.Parameters = map[string]any{name: value}
		if result := ask(request); result.Plan != nil {
			t.Errorf("%s: %v was accepted", name, value)
		}
	}
}

func TestNamesOfRepeatedJobsAcrossWorkflows(t *testing.T) {
	t.Parallel()
	text := `
version: 2.1
jobs:
  j:
    parameters: {p: {type: string, default: a}}
    machine: true
    steps: [run: echo << parameters.p >>]
workflows:
  one: {jobs: [j, j: {name: j-1, p: b}]}
  two: {jobs: [j: {p: c}, j: {name: k, requires: [j]}]}
  three: {jobs: [j: {p: c}]}
`
	result := mustCompile(t, text, nil)
	if got := strings.Count(result.Processed, "machine: true"); got != 4 {
		t.Errorf("got %d definitions, want 4:\n%s", got, result.Processed)
	}
}

func TestCompileIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	text := configs(t, "valid")[filepath.Join("testdata", "valid", "reuse")]
	want := compile(text, nil)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if diff := cmp.Diff(want, compile(text, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
	group.Wait()
}

func TestAnEndedContextStopsTheCompilation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	text := configs(t, "valid")[filepath.Join("testdata", "valid", "simple")]
	if result, err := Compile(ctx, core.CompileRequest{Config: text}, Options{}); err != nil || result.Plan != nil || len(result.Errors) == 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}
