// SPDX-License-Identifier: MPL-2.0

package results

import (
	"fmt"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// BenchmarkHundredThousand reads 100,000 tests of one upload, and answers with
// their timings by name.
func BenchmarkHundredThousand(b *testing.B) {
	bench := newBench(b, storetest.Open(b, "results"), nil)
	var files []string
	for i := range 1000 {
		var tests []string
		for k := range 100 {
			tests = append(tests, fmt.Sprintf("test_%d_%d success 0.%03d", i, k, k))
		}
		files = append(files, fmt.Sprintf("f%d.xml", i), suiteOf(fmt.Sprint("C", i), fmt.Sprintf("spec/f%d_spec.rb", i), tests...))
	}
	bench.take(upload("a", nil), files...)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if err := bench.read(b.Context(), bench.row("a")); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("timings", func(b *testing.B) {
		for b.Loop() {
			got, err := bench.TestTimings(b.Context(), core.TimingsFilter{Project: "project", JobName: "test", Branch: "main", By: core.TestByName})
			if err != nil || len(got.Names) != 100_000 {
				b.Fatal(len(got.Names), err)
			}
		}
	})
}
