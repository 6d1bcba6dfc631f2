// SPDX-License-Identifier: MPL-2.0

package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// wallClock are the methods that leave only the time of day of a time.Time: a
// duration that is taken from two of those is wrong when a clock is set.
var wallClock = []string{"Unix", "UnixMilli", "UnixMicro", "UnixNano"}

// epochs are the places of the agent that want the time of day.
var epochs = []string{
	"agent/execute/cache_key.go", // {{ epoch }}
	"agent/tree",                 // times of files
}

// TestTheAgentTakesNoDurationsFromTheTimeOfDay looks at what it waits for and
// measures: a client's clock may be set while a build runs.
func TestTheAgentTakesNoDurationsFromTheTimeOfDay(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, s := range sources(t) {
		if s.test || !below(s.dir, "agent", "cmd/muster-agent") || below(s.path, epochs...) {
			continue
		}
		looked++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(root, s.path), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(wallClock, sel.Sel.Name) {
				t.Errorf("%s uses %s: take durations from two time.Time with Sub or time.Since, which count by the monotonic clock", set.Position(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
	if looked < 30 {
		t.Fatalf("only %d files were looked at", looked)
	}
}
