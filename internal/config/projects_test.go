// SPDX-License-Identifier: MPL-2.0

package config

import (
	"path/filepath"
	"testing"
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
