// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// goOrb is a registry with acme/go@1 in it.
type goOrb struct{}

func (goOrb) OrbSource(_ context.Context, namespace, orb, version string) (core.ResolvedOrb, error) {
	if namespace+"/"+orb+"@"+version != "acme/go@1" {
		return core.ResolvedOrb{}, core.Errorf(core.CodeNotFound, "there is no such orb")
	}
	source := `version: 2.1
executors: {small: {docker: [{image: cimg/go:1.26}]}}
commands:
  prepare: {description: Fetches modules, parameters: {depth: {type: integer, default: 1}}, steps: [run: go mod download]}
jobs:
  check: {parameters: {race: {type: boolean, default: false}}, executor: small, steps: [prepare]}
`
	sum := sha256.Sum256([]byte(source))
	return core.ResolvedOrb{LockedOrb: core.LockedOrb{Version: "1.0.0", Digest: hex.EncodeToString(sum[:])}, Source: source}, nil
}

const orbYAML = `version: 2.1
orbs: {go: acme/go@1}
jobs:
  own:
    executor: go/small
    steps:
      - go/prepare:
          depth: 2
      - run: echo
workflows:
  all:
    jobs:
      - own
      - go/check:
          race: true
`

const orbHCL = `import "go" {
  source = "acme/go@1"
}
job "own" {
  executor = "go/small"
  step "go/prepare" {
    depth = 2
  }
}
workflow "all" {
  job "own" {}
  job "go/check" {
    race = true
  }
}
`

// opened is an editor in which a text has been compiled, with its orbs.
func opened(t *testing.T, uri, text string) *editor {
	t.Helper()
	e := startWith(t, 0, goOrb{})
	e.open(uri, text)
	for _, d := range (<-e.diagnostics).Diagnostics {
		if d.Severity == severityError {
			t.Errorf("%s: %+v", uri, d)
		}
	}
	return e
}

func TestCompletionFromOrbs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ uri, text, old, new, want, without string }{
		"step":              {yamlURI, orbYAML, "- run: echo", "- ^", "go/prepare", "go/check"},
		"argument":          {yamlURI, orbYAML, "depth: 2", "^", "depth", "race"},
		"executor":          {yamlURI, orbYAML, "executor: go/small", "executor: ^", "go/small", "go/prepare"},
		"job":               {yamlURI, orbYAML, "- own\n", "- ^\n", "go/check", "go/prepare"},
		"argument of job":   {yamlURI, orbYAML, "race: true", "^", "race", "depth"},
		"h step":            {hclURI, orbHCL, `"go/prepare" {`, `"^" {`, "go/prepare", "go/check"},
		"h argument":        {hclURI, orbHCL, "depth = 2", "^", "depth", "race"},
		"h executor":        {hclURI, orbHCL, `= "go/small"`, `= "^"`, "go/small", "go/prepare"},
		"h job":             {hclURI, orbHCL, `"own" {}`, `"^" {}`, "go/check", "go/prepare"},
		"h argument of job": {hclURI, orbHCL, "race = true", "^", "race", "depth"},
	} {
		e := opened(t, c.uri, c.text)
		var got []completion
		e.call("textDocument/completion", e.openAt(c.uri, strings.Replace(c.text, c.old, c.new, 1)), &got)
		has := func(label string) bool {
			return slices.ContainsFunc(got, func(c completion) bool { return c.Label == label })
		}
		if !has(c.want) || has(c.without) {
			t.Errorf("%s: want %q and not %q of %+v", name, c.want, c.without, got)
		}
	}
}

func TestHoverOnOrbs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, text, word, want string }{
		{yamlURI, orbYAML, "go/prepare", "Fetches modules"},
		{yamlURI, orbYAML, "depth", "type `integer`"},
		{yamlURI, orbYAML, "go/small", "cimg/go:1.26"},
		{yamlURI, orbYAML, "go/check", "parameter `race`"},
		{hclURI, orbHCL, "go/prepare", "Fetches modules"},
		{hclURI, orbHCL, "go/small", "cimg/go:1.26"},
		{hclURI, orbHCL, "go/check", "parameter `race`"},
		{hclURI, orbHCL, "depth", "type `integer`"},
		{hclURI, orbHCL, "race", "default `false`"},
	} {
		e := opened(t, c.uri, c.text)
		var got *hover
		e.call("textDocument/hover", e.openAt(c.uri, mark(t, c.text, c.word, 0)), &got)
		if got == nil || !strings.Contains(got.Contents.Value, c.want) {
			t.Errorf("%q of %s: %+v has no %q", c.word, c.uri, got, c.want)
		}
	}
}

// TestDefinitionOfAnOrb goes to the reference: the orb's text is elsewhere.
func TestDefinitionOfAnOrb(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		uri, text, word string
		line            int // of the definition, from 0
	}{
		{yamlURI, orbYAML, "go/prepare", 1},
		{yamlURI, orbYAML, "depth", 1},
		{yamlURI, orbYAML, "race", 1},
		{hclURI, orbHCL, "go/prepare", 0},
		{hclURI, orbHCL, "go/small", 0},
		{hclURI, orbHCL, "go/check", 0},
		{hclURI, orbHCL, "depth", 0},
		{hclURI, orbHCL, "race", 0},
	} {
		e := opened(t, c.uri, c.text)
		var got *location
		e.call("textDocument/definition", e.openAt(c.uri, mark(t, c.text, c.word, 0)), &got)
		if got == nil || got.Range.Start.Line != c.line {
			t.Errorf("%q of %s: %+v", c.word, c.uri, got)
		}
	}
}

// TestArgumentsOfOwnCommands: their declarations are in the file.
func TestArgumentsOfOwnCommands(t *testing.T) {
	t.Parallel()
	const own = `command "say" {
  parameter "what" {
    type = string
  }
  parameter "then" {
    type    = steps
    default = null
  }
  step "run" { command = parameter.what }
  step "steps" { steps = parameter.then }
}
job "build" {
  machine = true
  step "say" {
    what = "hello"
    steps "then" {
      step "checkout" {}
    }
  }
}
workflow "w" {
  job "build" {}
}
`
	for word, line := range map[string]int{`what = "hello`: 1, `then" {
      step`: 4} {
		e := opened(t, hclURI, own)
		at := e.openAt(hclURI, mark(t, own, word, 0))
		var where *location
		if e.call("textDocument/definition", at, &where); where == nil || where.Range.Start.Line != line {
			t.Errorf("%q: %+v", word, where)
		}
		var said *hover
		if e.call("textDocument/hover", at, &said); said == nil || !strings.Contains(said.Contents.Value, "**parameter**") {
			t.Errorf("%q: %+v", word, said)
		}
	}
}

// TestShelfIsBounded: a full shelf is emptied, and the cache with it.
func TestShelfIsBounded(t *testing.T) {
	t.Parallel()
	s := newShelf(goOrb{})
	before := s.cache
	s.keep("a/a@1", &document.Node{}, maxShelf-1)
	s.keep("a/b@1", &document.Node{}, 1)
	if s.orb("a/a@1") == nil || s.cache != before {
		t.Error("what fits is not kept")
	}
	s.keep("a/c@1", &document.Node{}, 1)
	if s.orb("a/a@1") != nil || s.orb("a/c@1") == nil || s.cache == before || s.size != 1 {
		t.Errorf("a full shelf keeps %d bytes", s.size)
	}
}
