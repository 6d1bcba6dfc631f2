// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/testx"
)

// written is a config of jobs that are all written out.
func written(jobs int) string {
	var text strings.Builder
	text.WriteString("version: 2.1\njobs:\n")
	for i := range jobs {
		fmt.Fprintf(&text, "  job-%d:\n    docker:\n      - image: cimg/go:1.24\n    steps:\n      - checkout\n      - run:\n          name: Test\n          command: go test ./part%d/...\n", i, i)
	}
	text.WriteString("workflows:\n  main:\n    jobs:\n      - job-0\n")
	for i := 1; i < jobs; i++ {
		fmt.Fprintf(&text, "      - job-%d:\n          requires: [job-%d, job-%d]\n", i, (i-1)/2, i-1)
	}
	return text.String()
}

// products makes jobs of matrices of two parameters each.
func products(matrices, versions, parts int) string {
	var text strings.Builder
	text.WriteString(`version: 2.1
executors:
  go:
    parameters:
      version: {type: string}
    docker:
      - image: cimg/go:<< parameters.version >>
jobs:
  test:
    parameters:
      version: {type: string}
      part: {type: integer}
    executor:
      name: go
      version: << parameters.version >>
    steps:
      - checkout
      - run:
          name: Test
          command: go test ./part<< parameters.part >>/...
workflows:
  main:
    jobs:
`)
	for n := range matrices {
		fmt.Fprintf(&text, "      - test:\n          name: test-%d-<< matrix.version >>-<< matrix.part >>\n          matrix:\n            alias: m%d\n            parameters:\n              version: [", n, n)
		for version := range versions {
			fmt.Fprintf(&text, "\"1.%d\", ", version)
		}
		text.WriteString("]\n              part: [")
		for part := range parts {
			fmt.Fprintf(&text, "%d, ", part)
		}
		text.WriteString("]\n")
	}
	return text.String()
}

// parts makes jobs of the values of one list, as a repository with many parts
// has them.
func parts(count int) string {
	var text strings.Builder
	text.WriteString("version: 2.1\njobs:\n  test:\n    parameters:\n      part: {type: string}\n    docker:\n      - image: cimg/go:1.24\n    steps:\n      - checkout\n")
	text.WriteString("      - run: go test ./<< parameters.part >>/...\nworkflows:\n  main:\n    jobs:\n      - test:\n          matrix:\n            parameters:\n              part:\n")
	for i := range count {
		fmt.Fprintf(&text, "                - part-%d\n", i)
	}
	return text.String()
}

// A config that is large and means no harm uses at most half of each limit.
func TestLargeConfigsHaveRoom(t *testing.T) {
	t.Parallel()
	many, orbs := largeConfig()
	limits := document.LimitsFor(0)
	for name, text := range map[string]string{"500 jobs, written out": written(500), "a matrix of 500 pairs": products(1, 20, 25), "a matrix of 500 parts": parts(500), "1,400 lines with 5 orbs": many} {
		result, c := bomb{text: text, orbs: orbs.sources}.compile()
		if result.Plan == nil {
			t.Fatalf("%s: %v", name, result.Errors)
		}
		size := c.loader.size // with the orbs
		if len(orbs.sources) == 0 || size.Bytes == 0 {
			size = document.Measure(text)
		}
		for _, used := range []struct {
			what        string
			count, most int
		}{
			{"bytes", size.Bytes, limits.Bytes}, {"values", size.Values, limits.Values}, {"words", size.Words, limits.Words}, {"lines", size.Lines, limits.Lines},
			{"units of work", c.work, maxWork}, {"expressions", len(c.expressions), maxExpressions}, {"steps", c.stepCount, maxSteps},
		} {
			t.Logf("%s: %d of %d %s", name, used.count, used.most, used.what)
			if 2*used.count > used.most {
				t.Errorf("%s: %d of %d %s", name, used.count, used.most, used.what)
			}
		}
	}
}

// The benchmarks compare with decoding the same bytes into the library's nodes.

func BenchmarkCompile40Lines(b *testing.B) {
	text, err := os.ReadFile(filepath.Join("testdata", "valid", "simple.yml"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkCompile(b, string(text))
}

func BenchmarkCompile500Jobs(b *testing.B) { benchmarkCompile(b, written(500)) }

// BenchmarkCompileMatrix makes 500 jobs of four matrices.
func BenchmarkCompileMatrix(b *testing.B) { benchmarkCompile(b, products(4, 5, 25)) }

// BenchmarkCompileMatrixPairs makes 500 jobs of one matrix: no pair of values
// comes twice.
func BenchmarkCompileMatrixPairs(b *testing.B) { benchmarkCompile(b, products(1, 20, 25)) }

// BenchmarkCompileMatrixList makes 500 jobs of one list, whose text is ten times
// that of the products.
func BenchmarkCompileMatrixList(b *testing.B) { benchmarkCompile(b, parts(500)) }

func benchmarkCompile(b *testing.B, text string) { benchmarkCompileWith(b, text, Options{}) }

func benchmarkCompileWith(b *testing.B, text string, options Options) {
	b.ReportAllocs()
	request := core.CompileRequest{Config: text, Values: core.PipelineValues{"git.branch": "main"}}
	// The processor's time: a busy machine stretches the longer of two more.
	var compiled, decoded time.Duration
	for b.Loop() {
		start := testx.ProcessCPU()
		if result, err := Compile(context.Background(), request, options); err != nil || result.Plan == nil {
			b.Fatal(result.Errors, err)
		}
		middle := testx.ProcessCPU()
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			b.Fatal(err)
		}
		compiled += middle - start
		decoded += testx.ProcessCPU() - middle
	}
	b.ReportMetric(float64(compiled)/float64(decoded), "compile/decode")
	b.ReportMetric(float64(compiled)/float64(b.N), "compile-ns")
}

// Who permits larger configs permits more of everything that makes one large.
func TestLargerConfigsArePermitted(t *testing.T) {
	t.Parallel()
	text := written(1_100)
	for most, want := range map[int]string{0: "25000 values", 1 << 20: "25000 values", 3 << 19: ""} {
		result, err := Compile(t.Context(), core.CompileRequest{Config: text}, Options{MaxBytes: most})
		if err != nil || (result.Plan != nil) != (want == "") {
			t.Errorf("%d bytes: %v, %v", most, result.Errors, err)
		}
		if want != "" && !strings.Contains(fmt.Sprint(result.Errors), want) {
			t.Errorf("%d bytes: got %v", most, result.Errors)
		}
	}
}
