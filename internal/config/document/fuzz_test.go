// SPDX-License-Identifier: MPL-2.0

package document

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: no text breaks the parser, every mistake has a place inside of the
// text and an excerpt, and what is read keeps to the limits.
func FuzzParse(f *testing.F) {
	for _, folder := range []string{"valid", "invalid", "projects"} {
		paths, _ := filepath.Glob(filepath.Join("..", "testdata", folder, "*.yml"))
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	for _, text := range []string{"a: &x {<<: *x}", "? [a]\n: b", "\ufeff%YAML 1.1\n---\na: !!int '1'\n...", "a: *b", "\t- a", "a: |\r\n  b\r\n", "- 'a\n\n b'", "{a: [b, {c: d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limits := Limits{Size: Size{Bytes: 1 << 16, Values: 2_000}, Expanded: 10_000, ExpandedBytes: 1 << 18, Depth: 50}
		n, err := Parse(text, limits)
		if err == nil {
			if nodes, bytes := n.Size(); nodes > limits.Expanded || bytes > limits.ExpandedBytes {
				t.Fatalf("%d values, %d bytes", nodes, bytes)
			}
			walk(t, n)
			return
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("an error of another kind: %v", err)
		}
		lines := NewLines(text)
		for _, one := range append([]*Error{e}, e.Also...) {
			if one.Message == "" || one.Line < 0 || one.Line > len(lines.lines)+1 {
				t.Fatalf("%d:%d %q", one.Line, one.Column, one.Message)
			}
			lines.Excerpt(one.Line, one.Column)
		}
	})
}

// walk looks at every place of a tree, shared ones once per use.
func walk(t *testing.T, n *Node) {
	t.Helper()
	if n.Line < 1 || n.Column < 1 {
		t.Fatalf("a value stands at %d:%d", n.Line, n.Column)
	}
	_ = n.Path()
	for i, item := range n.Items {
		if n.Kind == Map {
			n.KeyAt(i)
		}
		walk(t, item)
	}
}
