// SPDX-License-Identifier: MPL-2.0

package config

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWarnings: what is legal and surely wrong compiles, and is told.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for path, text := range configs(t, "warned") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			result := mustCompile(t, text, nil)
			var b strings.Builder
			for _, w := range result.Warnings {
				b.WriteString(w.String() + "\n  at " + w.Path + "\n")
			}
			golden(t, path+".warnings", b.String())
		})
	}
}

// TestConfigsWithoutFaultHaveNoWarnings: a warning that is not surely right
// teaches people to read none.
func TestConfigsWithoutFaultHaveNoWarnings(t *testing.T) {
	t.Parallel()
	for path, text := range configs(t, "projects") {
		for _, w := range compile(text, nil).Warnings {
			t.Errorf("%s: %s", path, w)
		}
	}
}
