// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"os"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
)

// many is a file of which 500 jobs are made.
const many = `
job "test" {
  parameter "shard" { type = number }
  parameter "go" { type = string }
  docker { image = "golang:${parameter.go}" }
  step "checkout" {}
  step "run" { command = "go test -shard ${parameter.shard}" }
}

workflow "main" {
  job "test" {
    matrix {
      parameters = {
        go    = ["1.25", "1.26"]
        shard = range(250)
      }
    }
    go    = matrix.go
    shard = matrix.shard
  }
}
`

// BenchmarkCompile reports how much longer a compilation takes than parsing the
// same text with the same library.
func BenchmarkCompile(b *testing.B) {
	text, err := os.ReadFile("testdata/valid/reuse.hcl")
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"reuse": string(text), "500 jobs": many} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var ours, parsing time.Duration
			for b.Loop() {
				began := time.Now()
				if _, diags := hclsyntax.ParseConfig([]byte(text), "x", hcl.InitialPos); diags.HasErrors() {
					b.Fatal(diags)
				}
				parsing += time.Since(began)
				began = time.Now()
				if result := compiled(pipeline.Compile(b.Context(), request(text), config.Options{})); result.Plan == nil {
					b.Fatal(result.Errors[0].String())
				}
				ours += time.Since(began)
			}
			b.ReportMetric(float64(ours)/float64(parsing), "ratio")
		})
	}
}
