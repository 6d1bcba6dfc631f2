// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"fmt"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/language"
)

// hover answers what the word under the cursor means.
func (s *Server) hover(_ context.Context, p positionParams) (*hover, error) {
	t := s.store.get(p.TextDocument.URI)
	if t == nil {
		return nil, nil
	}
	said := ""
	switch {
	case t.inHCL:
		said = t.explainHCL(s.orbs, p.Position)
	case t.root != nil:
		said = t.explain(s.orbs.whole(t.root), p.Position)
	}
	if said == "" {
		return nil, nil
	}
	return &hover{markup{"markdown", said}}, nil
}

// explain describes what a name refers to, else what a key means.
func (t *text) explain(root *document.Node, at position) string {
	if found := t.resolve(root, at); found != nil {
		return found.describe()
	}
	here := find(t.root, at.Line+1, t.column(at))
	if !here.key {
		return ""
	}
	name := here.path[len(here.path)-1]
	for _, kind := range language.At(here.path[:len(here.path)-1]) {
		if key, ok := language.Find(kind.Mapping, name); ok {
			return fmt.Sprintf("**%s** (%s)\n\n%s", name, typeOf(key.Value), key.Doc)
		}
	}
	return ""
}

// describe is the declaration of a definition in Markdown.
func (d *target) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** `%s`", d.kind, d.name)
	if d.node.IsScalar() {
		if d.node.Text != "" {
			fmt.Fprintf(&b, ": `%s`", short(d.node.Text))
		}
		return b.String()
	}
	if about := d.node.Get("description"); about != nil {
		b.WriteString("\n\n" + about.Text)
	}
	if d.kind == "parameter" {
		b.WriteString("\n" + declaration(d.node))
		return b.String()
	}
	for _, kind := range []string{"docker", "machine", "macos", "executor", "resource_class"} {
		if n := d.node.Get(kind); n != nil {
			fmt.Fprintf(&b, "\n- %s %s", kind, short(gist(n)))
		}
	}
	if declared := d.node.Get("parameters"); declared != nil && declared.Kind == document.Map {
		for i, key := range declared.Keys {
			fmt.Fprintf(&b, "\n- parameter `%s`%s", key.Text, strings.ReplaceAll(declaration(declared.Items[i]), "\n- ", ", "))
		}
	}
	if steps := d.node.Get("steps"); steps != nil {
		fmt.Fprintf(&b, "\n- %d step(s)", len(steps.Items))
	}
	return b.String()
}

// declaration lists what a parameter's declaration says.
func declaration(n *document.Node) string {
	said := ""
	for _, name := range []string{"type", "default", "enum"} {
		if value := n.Get(name); value != nil {
			said += fmt.Sprintf("\n- %s `%s`", name, short(gist(value)))
		}
	}
	if n.Get("default") == nil {
		said += "\n- required"
	}
	return said
}

// gist is a value in a few words.
func gist(n *document.Node) string {
	switch {
	case n.IsScalar():
		return n.Text
	case n.Get("image") != nil:
		return n.Get("image").Text
	case n.Get("name") != nil:
		return n.Get("name").Text
	}
	var parts []string
	for _, item := range n.Items[:min(len(n.Items), 10)] {
		if item.IsScalar() || item.Get("image") != nil {
			parts = append(parts, gist(item))
		}
	}
	return strings.Join(parts, ", ")
}

func short(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if runes := []rune(text); len(runes) > 80 {
		return string(runes[:77]) + "..."
	}
	return text
}

// typeOf names the kinds of a value.
func typeOf(value language.Value) string {
	var kinds []string
	for _, kind := range value {
		switch {
		case kind.List != nil:
			kinds = append(kinds, "list")
		case kind.Names != nil, kind.Mapping != "":
			kinds = append(kinds, "mapping")
		default:
			kinds = append(kinds, kind.Scalar)
		}
	}
	return strings.Join(kinds, " or ")
}
