// SPDX-License-Identifier: MPL-2.0

package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// TestProjects: configs as projects write them, with their processed form. The
// plan is that of the processed form too, which mustCompile looks at.
func TestProjects(t *testing.T) {
	t.Parallel()
	for path, text := range configs(t, "projects") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			golden(t, path+".processed", mustCompile(t, text, nil).Processed)
		})
	}
}

// TestProcessedFormIsThatOfCircleCI: configs in the manner of those that
// CircleCI's documentation shows with their processed form. What is compared is
// the data: neither the order of keys nor the indentation of lists.
func TestProcessedFormIsThatOfCircleCI(t *testing.T) {
	t.Parallel()
	texts := configs(t, "documented")
	for path, text := range texts {
		want, ok := texts[path+".circleci"]
		if !ok {
			if !strings.HasSuffix(path, ".circleci") {
				t.Errorf("%s has no processed form beside it", path)
			}
			continue
		}
		var got, expected any
		result := mustCompile(t, text, nil)
		if err := yaml.Unmarshal([]byte(result.Processed), &got); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(want), &expected); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if diff := cmp.Diff(result.Plan, compile(want, nil).Plan); diff != "" {
			t.Errorf("%s: CircleCI's form has another plan: %s", path, diff)
		}
	}
}
