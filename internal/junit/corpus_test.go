// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// read parses a file from memory.
func read(text []byte, limits Limits) ([]Test, error) {
	var tests []Test
	err := Parse(bytes.NewReader(text), limits, func(t Test) error {
		tests = append(tests, t)
		return nil
	})
	return tests, err
}

// TestCorpus reads a file in the manner of each tool and compares the tests with
// those of its golden file.
func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "corpus", "*"))
	if err != nil || len(files) < 19 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests, err := read(text, DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(tests, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "golden", filepath.Base(file)+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Errorf("the tests differ (-want +got); -update rewrites the golden file:\n%s", diff)
			}
		})
	}
}
