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

// TestRoutesNameTheirCallers reads the routes that services add for each other:
// each is given httpx.Callers, or a variable made of it, right after its path.
// cmd/muster has the table of who may call what.
func TestRoutesNameTheirCallers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "services", "*", "*", "http.go"))
	if err != nil || len(files) < 9 {
		t.Fatalf("got %d http.go files, %v", len(files), err)
	}
	routes := 0
	for _, name := range files {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		known := callerVariables(file)
		for call := range calls(file, "POST") {
			routes++
			if len(call.Args) < 3 || !namesCallers(call.Args[1], known) {
				t.Errorf("%s: the route names no callers: put httpx.Callers(\"<service>\", ...) after its path", fset.Position(call.Pos()))
			}
		}
	}
	if routes < 40 {
		t.Errorf("read %d routes, want all of the services'", routes)
	}
}

// calls are the calls of a method or function of that name in a file.
func calls(file *ast.File, name string) func(func(*ast.CallExpr) bool) {
	return func(yield func(*ast.CallExpr) bool) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			return !ok || selector.Sel.Name != name || yield(call)
		})
	}
}

// callerVariables are the names of variables that are set to httpx.Callers(...).
func callerVariables(file *ast.File) []string {
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != 1 || !namesCallers(assign.Rhs[0], nil) {
			return true
		}
		if left, ok := assign.Lhs[0].(*ast.Ident); ok {
			names = append(names, left.Name)
		}
		return true
	})
	return names
}

func namesCallers(e ast.Expr, variables []string) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return slices.Contains(variables, e.Name)
	case *ast.CallExpr:
		selector, ok := e.Fun.(*ast.SelectorExpr)
		return ok && selector.Sel.Name == "Callers" && len(e.Args) > 0
	default:
		return false
	}
}
