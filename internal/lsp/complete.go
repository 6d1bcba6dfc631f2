// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/language"
)

// completion answers what can be written at the cursor. The editor picks those
// that fit what is there.
func (s *Server) completion(_ context.Context, p positionParams) ([]completion, error) {
	t := s.store.get(p.TextDocument.URI)
	switch {
	case t == nil || t.lines == nil:
		return []completion{}, nil
	case t.inHCL:
		return t.completeHCL(s.orbs, p.Position), nil
	}
	return t.complete(s.orbs.whole(t.root), p.Position), nil
}

func (t *text) complete(root *document.Node, at position) []completion {
	path, value := t.typed(at)
	outer, rest := module(path)
	top := walk(root, outer)
	if open := t.before(at); strings.LastIndex(open, "<<") > strings.LastIndex(open, ">>") {
		return t.values(top, rest)
	}
	list := []completion{}
	if names := namesAt(top, path, rest); names != nil {
		list = append(list, names...)
	}
	inList := len(path) > 0 && path[len(path)-1] == "0"
	if value && !inList {
		return append(list, values(rest)...)
	}
	for _, kind := range language.At(path) {
		keys, _ := language.Keys(kind.Mapping)
		for _, key := range keys {
			list = append(list, completion{Label: key.Name, Kind: kindProperty, Detail: typeOf(key.Value), Documentation: &markup{"markdown", key.Doc}})
		}
	}
	return append(list, arguments(top, path, rest)...)
}

// namesAt returns the names that a place takes.
func namesAt(top *document.Node, path, rest []string) []completion {
	last := ""
	if len(rest) > 0 {
		last = rest[len(rest)-1]
	}
	switch {
	case takes(path, "step"):
		return elements(top, "commands", "command")
	case last == "executor" || last == "name" && len(rest) > 1 && rest[len(rest)-2] == "executor":
		return elements(top, "executors", "executor")
	case last == "requires" || len(rest) > 1 && rest[len(rest)-2] == "requires":
		return calls(top, rest)
	case len(rest) == 4 && rest[0] == "workflows" && rest[2] == "jobs":
		return append(elements(top, "jobs", "job"), section(top, "job-groups", "", "job group")...)
	}
	return nil
}

// elements are the names of a module and of the orbs that are known.
func elements(top *document.Node, name, kind string) []completion {
	list := section(top, name, "", kind)
	orbs := walk(top, []string{"orbs"})
	for i, orb := range items(orbs) {
		if orbs.Kind == document.Map {
			list = append(list, section(orb, name, orbs.Keys[i].Text+"/", kind)...)
		}
	}
	return list
}

func section(top *document.Node, name, prefix, kind string) []completion {
	n := top.Get(name)
	if n == nil || n.Kind != document.Map {
		return nil
	}
	list := make([]completion, 0, len(n.Keys))
	for i, key := range n.Keys {
		about := target{kind, prefix + key.Text, nil, n.Items[i]}
		list = append(list, completion{Label: about.name, Kind: kindFunction, Detail: kind, Documentation: &markup{"markdown", about.describe()}})
	}
	return list
}

// calls are the names of the jobs in a workflow.
func calls(top *document.Node, rest []string) []completion {
	list := []completion{}
	for _, call := range items(walk(top, rest[:min(len(rest), 3)])) {
		name := call.Text
		if call.Kind == document.Map && len(call.Keys) == 1 {
			name = call.Keys[0].Text
			if given := call.Items[0].Get("name"); given != nil {
				name = given.Text
			}
		}
		if name != "" {
			list = append(list, completion{Label: name, Kind: kindVariable, Detail: "job of the workflow"})
		}
	}
	return list
}

// arguments are the parameters of what is called at a path.
func arguments(top *document.Node, path, rest []string) []completion {
	var of *target
	switch {
	case len(rest) == 5 && rest[0] == "workflows":
		of = called(top, rest[4])
	case len(path) > 1 && takes(path[:len(path)-1], "step"):
		of = element(top, "command", "commands", path[len(path)-1])
	}
	if of == nil {
		return nil
	}
	list := section(of.node, "parameters", "", "parameter")
	for i := range list {
		list[i].Kind = kindProperty
	}
	return list
}

// values are what can stand in << >>.
func (t *text) values(top *document.Node, rest []string) []completion {
	list := []completion{}
	if len(rest) >= 2 {
		list = append(list, section(walk(top, rest[:2]), "parameters", "parameters.", "parameter")...)
	}
	list = append(list, section(t.root, "parameters", "pipeline.parameters.", "parameter")...)
	for _, name := range config.PipelineNames() {
		list = append(list, completion{Label: "pipeline." + name, Detail: "pipeline value"})
	}
	for i := range list {
		list[i].Kind = kindVariable
	}
	return list
}

// values are those of keys that take one of a few.
func values(rest []string) []completion {
	last := rest[len(rest)-1]
	var known []string
	switch {
	case last == "type" && slices.Contains(rest, "parameters"):
		known = []string{"string", "boolean", "integer", "enum", "executor", "steps", "env_var_name"}
	case last == "type":
		known = []string{"build", "approval", "no-op", "release", "lock", "unlock"}
	case last == "when" && slices.Contains(rest, "steps"):
		known = []string{"on_success", "on_fail", "always"}
	case last == "version" && len(rest) == 1:
		known = []string{"2.1"}
	}
	list := make([]completion, 0, len(known))
	for _, word := range known {
		list = append(list, completion{Label: word, Kind: kindVariable})
	}
	return list
}
