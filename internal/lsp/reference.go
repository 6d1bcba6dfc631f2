// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// target is a definition: a key and what stands below it.
type target struct {
	kind string // "job", "command", ...
	name string
	key  *document.Node
	node *document.Node
}

// definition answers a request to go to a definition.
func (s *Server) definition(_ context.Context, p positionParams) (*location, error) {
	t := s.store.get(p.TextDocument.URI)
	switch {
	case t == nil:
		return nil, nil
	case t.inHCL:
		return t.definitionHCL(p.Position), nil
	case t.root == nil:
		return nil, nil
	}
	found := t.resolve(t.root, p.Position)
	if found == nil {
		return nil, nil
	}
	return &location{t.uri, t.word(found.key.Line, found.key.Column)}, nil
}

// resolve finds what the name under the cursor refers to, nil when it is no
// reference, or one to nothing. The root is the tree of names, which may hold
// more than the text.
func (t *text) resolve(root *document.Node, at position) *target {
	here := find(t.root, at.Line+1, t.column(at))
	if here.node == nil {
		return nil
	}
	outer, rest := module(here.path)
	top := walk(root, outer)
	if word, _ := t.around(at); strings.Contains(word, "parameters.") {
		if name, ok := strings.CutPrefix(word, "pipeline.parameters."); ok {
			return entry(t.root, "parameter", name, "parameters")
		}
		if name, ok := strings.CutPrefix(word, "parameters."); ok && len(rest) >= 2 {
			return entry(top, "parameter", name, rest[0], rest[1], "parameters")
		}
	}
	name := here.node.Text
	if here.key {
		name = here.path[len(here.path)-1]
	}
	if !here.key && !here.node.IsScalar() {
		return nil
	}
	return t.named(top, here, rest, name)
}

// named resolves a name by where it stands.
func (t *text) named(top *document.Node, here place, rest []string, name string) *target {
	holder := here.path // of the list item that a key stands in
	if here.key {
		holder = here.path[:len(here.path)-1]
	}
	last := func(i int) string {
		if len(rest) < i {
			return ""
		}
		return rest[len(rest)-i]
	}
	switch {
	case takes(holder, "step"):
		return element(top, "command", "commands", name)
	case last(1) == "executor" && !here.key, last(2) == "executor" && last(1) == "name":
		return element(top, "executor", "executors", name)
	case slices.Contains(rest, "requires"):
		return required(top, rest, name)
	case len(rest) == 4 && rest[0] == "workflows" && !here.key, len(rest) == 5 && rest[0] == "workflows" && here.key:
		return called(top, name)
	case len(rest) == 6 && rest[0] == "workflows" && here.key:
		return argument(called(top, rest[4]), name)
	case here.key && len(here.path) > 2 && takes(here.path[:len(here.path)-2], "step"):
		return argument(element(top, "command", "commands", last(2)), name)
	}
	return nil
}

// called finds the job or the group that a workflow calls.
func called(top *document.Node, name string) *target {
	if found := element(top, "job", "jobs", name); found != nil {
		return found
	}
	return entry(top, "job group", name, "job-groups")
}

// required finds the call in the workflow that has a name, or the job.
func required(top *document.Node, rest []string, name string) *target {
	if len(rest) > 2 {
		for _, call := range items(walk(top, rest[:3])) {
			if call.Kind == document.Map && len(call.Keys) == 1 {
				if i := call.Items[0].Find("name"); i >= 0 && call.Items[0].Items[i].Text == name {
					return &target{"call of " + call.Keys[0].Text, name, call.KeyAt(0), call.Items[0]}
				}
			}
		}
	}
	return called(top, name)
}

func argument(of *target, name string) *target {
	if of == nil || of.kind == "orb" { // whose text is elsewhere
		return of
	}
	return entry(of.node, "parameter", name, "parameters")
}

// element finds a job, command or executor, in an orb where the name has one
// before a slash. Of an orb whose text is elsewhere, the reference is found.
func element(top *document.Node, kind, section, name string) *target {
	if found := entry(top, kind, name, section); found != nil {
		return found
	}
	alias, inner, ok := strings.Cut(name, "/")
	if !ok {
		return nil
	}
	orb := entry(top, "orb", alias, "orbs")
	if orb == nil || orb.node.IsScalar() {
		return orb
	}
	return element(orb.node, kind, section, inner)
}

// entry finds a name in the mapping at a path.
func entry(top *document.Node, kind, name string, path ...string) *target {
	n := walk(top, path)
	i := n.Find(name)
	if i < 0 {
		return nil
	}
	return &target{kind, name, n.KeyAt(i), n.Items[i]}
}

// walk follows keys, nil where there is none.
func walk(n *document.Node, path []string) *document.Node {
	for _, key := range path {
		n = n.Get(key)
	}
	return n
}

func items(n *document.Node) []*document.Node {
	if n == nil {
		return nil
	}
	return n.Items
}
