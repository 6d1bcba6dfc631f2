// SPDX-License-Identifier: MPL-2.0

// Command tails prints the ten longest files, functions and interfaces. Beauty
// is lost in the tail; the list is read before each release.
package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// entry is something with a size.
type entry struct {
	size int
	name string
}

// survey holds what was found.
type survey struct {
	files, functions, interfaces []entry
}

func main() {
	var s survey
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (path == "tools" || strings.HasPrefix(path, ".") && path != "."):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		return s.read(path)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "tails:", err)
		os.Exit(1)
	}
	show("files (lines)", s.files)
	show("functions (lines)", s.functions)
	show("interfaces (methods)", s.interfaces)
}

func (s *survey) read(path string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		return err
	}
	s.files = append(s.files, entry{set.File(file.Pos()).LineCount(), path})
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			from, to := set.Position(n.Pos()), set.Position(n.End())
			s.functions = append(s.functions, entry{to.Line - from.Line + 1, fmt.Sprintf("%s:%d %s", path, from.Line, n.Name.Name)})
		case *ast.TypeSpec:
			if i, ok := n.Type.(*ast.InterfaceType); ok {
				s.interfaces = append(s.interfaces, entry{i.Methods.NumFields(), fmt.Sprintf("%s:%d %s", path, set.Position(n.Pos()).Line, n.Name.Name)})
			}
		}
		return true
	})
	return nil
}

func show(title string, entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(b.size-a.size, strings.Compare(a.name, b.name)) })
	fmt.Printf("longest %s, of %d\n", title, len(entries))
	for _, e := range entries[:min(10, len(entries))] {
		fmt.Printf("%7d  %s\n", e.size, e.name)
	}
}
