// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
)

var update = flag.Bool("update", false, "write the .errors files anew")

// request is a push to a branch with what a trigger knows of it.
func request(text string) core.CompileRequest {
	return core.CompileRequest{
		Config:     text,
		Parameters: map[string]any{},
		Values: core.PipelineValues{
			"id": "5c6f", "number": 7, "git.branch": "main", "git.revision": "abc123", "git.branch.is_default": true,
			"project.type": "github", "trigger_source": "webhook",
		},
	}
}

// compiled is the result of a compilation that asks nobody, so that there is
// always an answer.
func compiled(result core.CompileResult, err error) core.CompileResult {
	if err != nil {
		panic(err)
	}
	return result
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func cases(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files %s (%v)", pattern, err)
	}
	return files
}

// Each pair of files says the same in both languages: the plans are equal.
func TestBothLanguagesMeet(t *testing.T) {
	t.Parallel()
	for _, path := range cases(t, "valid/*.hcl") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			got := compiled(pipeline.Compile(t.Context(), request(readFile(t, path)), config.Options{File: path}))
			want := compiled(config.Compile(t.Context(), request(readFile(t, strings.TrimSuffix(path, ".hcl")+".yml")), config.Options{}))
			for _, e := range append(got.Errors, want.Errors...) {
				t.Error(e.String())
			}
			if diff := cmp.Diff(want.Plan, got.Plan); diff != "" {
				t.Errorf("plans differ (-yml +hcl):\n%s", diff)
			}
			again := compiled(config.Compile(t.Context(), request(got.Processed), config.Options{}))
			if diff := cmp.Diff(got.Plan, again.Plan); diff != "" {
				t.Errorf("the processed form means something else (-hcl +processed):\n%s", diff)
			}
		})
	}
}

// Each mistake has its place and a way out.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, path := range cases(t, "invalid/*.hcl") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			result := compiled(pipeline.Compile(t.Context(), request(readFile(t, path)), config.Options{File: filepath.Base(path)}))
			if result.Plan != nil {
				t.Error("it compiled")
			}
			var b strings.Builder
			for _, e := range result.Errors {
				b.WriteString(e.String() + "\n\n")
			}
			golden := strings.TrimSuffix(path, ".hcl") + ".errors"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(readFile(t, golden), b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
