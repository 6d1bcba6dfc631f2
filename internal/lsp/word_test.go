// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"slices"
	"strings"
	"testing"
)

const inYAML = `version: 2.1
parameters:
  deploy: {type: boolean, default: false}
orbs:
  tools:
    commands:
      greet: {steps: [run: echo]}
executors:
  go:
    docker: [{image: cimg/go:1.26}]
commands:
  build:
    description: Builds it
    parameters:
      target: {type: string}
    steps:
      - run: go build << parameters.target >>
jobs:
  test:
    executor: go
    parallelism: 2
    steps:
      - checkout
      - build:
          target: x
      - tools/greet
      - run: echo << pipeline.parameters.deploy >>
workflows:
  all:
    jobs:
      - test
      - test:
          name: again
          requires: [test]
      - test:
          name: last
          requires:
            - again
`

const inHCL = `parameter "deploy" {
  type    = bool
  default = false
}
locals {
  team = "core"
}
executor "go" {
  docker { image = "cimg/go:1.26" }
}
command "build" {
  parameter "target" {
    type = string
  }
  step "run" { command = "go build ${parameter.target}" }
}
job "test" {
  executor    = executor.go
  parallelism = 2
  step "build" {
    target = local.team
  }
}
workflow "all" {
  job "test" {}
  job "test" {
    name     = "again"
    requires = [job.test]
  }
}
`

// mark puts the cursor two characters into the nth (from 0) place of a word.
func mark(t *testing.T, text, word string, nth int) string {
	t.Helper()
	at := 0
	for range nth + 1 {
		i := strings.Index(text[at:], word)
		if i < 0 {
			t.Fatalf("no %q in the text", word)
		}
		at += i + 1
	}
	return text[:at] + "^" + text[at:]
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		uri, text, word string
		nth, line       int // of the word; of the definition, from 1, 0 for none
	}{
		{yamlURI, inYAML, "go\n    par", 0, 9},
		{yamlURI, inYAML, "build:\n          target", 0, 12},
		{yamlURI, inYAML, "target: x", 0, 15},
		{yamlURI, inYAML, "tools/greet", 0, 7},
		{yamlURI, inYAML, "parameters.target", 0, 15},
		{yamlURI, inYAML, "pipeline.parameters.deploy", 0, 3},
		{yamlURI, inYAML, "test\n      - test:", 0, 19},
		{yamlURI, inYAML, "test]", 0, 19},
		{yamlURI, inYAML, "again", 1, 32},
		{yamlURI, inYAML, "checkout", 0, 0},
		{hclURI, inHCL, "executor.go", 0, 8},
		{hclURI, inHCL, "local.team", 0, 6},
		{hclURI, inHCL, "parameter.target", 0, 12},
		{hclURI, inHCL, "build\" {\n    target", 0, 11},
		{hclURI, inHCL, "test\" {}", 0, 17},
		{hclURI, inHCL, "job.test", 0, 17},
	} {
		e := start(t, 0)
		var got *location
		e.call("textDocument/definition", e.openAt(c.uri, mark(t, c.text, c.word, c.nth)), &got)
		line := 0
		if got != nil {
			line = got.Range.Start.Line + 1
		}
		if line != c.line {
			t.Errorf("%q of %s is defined in line %d, not %d", c.word, c.uri, c.line, line)
		}
	}
}

func TestHover(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		uri, text, word string
		nth             int
		want            []string
	}{
		{yamlURI, inYAML, "parallelism", 0, []string{"**parallelism** (integer)", "tasks"}},
		{yamlURI, inYAML, "build:\n          target", 0, []string{"**command** `build`", "Builds it", "parameter `target`", "required"}},
		{yamlURI, inYAML, "parameters.target", 0, []string{"**parameter** `target`", "type `string`", "required"}},
		{yamlURI, inYAML, "pipeline.parameters.deploy", 0, []string{"type `boolean`", "default `false`"}},
		{yamlURI, inYAML, "go\n    par", 0, []string{"**executor** `go`", "cimg/go:1.26"}},
		{yamlURI, inYAML, "run: go build", 0, []string{"**run**", "Runs a command"}},
		{hclURI, inHCL, "parallelism", 0, []string{"**parallelism**", "tasks"}},
		{hclURI, inHCL, "local.team", 0, []string{"**local** `team` = `\"core\"`"}},
		{hclURI, inHCL, "parameter.target", 0, []string{"**parameter** `target`", "type `string`"}},
	} {
		e := start(t, 0)
		var got *hover
		e.call("textDocument/hover", e.openAt(c.uri, mark(t, c.text, c.word, c.nth)), &got)
		for _, want := range c.want {
			if got == nil || !strings.Contains(got.Contents.Value, want) {
				t.Errorf("%q of %s: %+v has no %q", c.word, c.uri, got, want)
			}
		}
	}
}

// checkOffers compares what a completion offers with what it must and must not.
func checkOffers(t *testing.T, name string, got []completion, want, without []string) {
	t.Helper()
	has := func(label string) bool {
		return slices.ContainsFunc(got, func(c completion) bool { return c.Label == label })
	}
	for _, label := range want {
		if !has(label) {
			t.Errorf("%s: %q is not offered", name, label)
		}
	}
	for _, label := range without {
		if has(label) {
			t.Errorf("%s: %q is offered", name, label)
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	const job = "    machine: true\n    ^\n"
	for name, c := range map[string]struct {
		uri, text     string
		want, without []string
	}{
		"top":           {yamlURI, inYAML + "^", []string{"jobs", "orbs"}, []string{"steps"}},
		"job":           {yamlURI, "jobs:\n  build:\n" + job, []string{"steps", "parallelism"}, []string{"jobs", "requires"}},
		"step":          {yamlURI, strings.Replace(inYAML, "- checkout", "- ^", 1), []string{"run", "build", "tools/greet", "save_cache"}, []string{"steps2", "test"}},
		"step in brace": {yamlURI, strings.Replace(inYAML, "- checkout", "- run:\n          ^", 1), []string{"command", "name"}, []string{"checkout"}},
		"argument":      {yamlURI, strings.Replace(inYAML, "target: x", "^", 1), []string{"target"}, []string{"checkout"}},
		"executor":      {yamlURI, strings.Replace(inYAML, "executor: go", "executor: ^", 1), []string{"go"}, []string{"test"}},
		"job of flow":   {yamlURI, strings.Replace(inYAML, "- test\n", "- ^\n", 1), []string{"test"}, []string{"build"}},
		"call":          {yamlURI, strings.Replace(inYAML, "name: again", "^", 1), []string{"requires", "context"}, []string{"steps"}},
		"requires":      {yamlURI, strings.Replace(inYAML, "requires: [test]", "requires: [^]", 1), []string{"test", "last"}, []string{"build"}},
		"value":         {yamlURI, strings.Replace(inYAML, "<< parameters.target >>", "<< ^", 1), []string{"parameters.target", "pipeline.parameters.deploy", "pipeline.git.branch"}, []string{"run"}},
		"hcl top":       {hclURI, inHCL + "^", []string{"job", "workflow"}, []string{"steps"}},
		"hcl executor":  {hclURI, strings.Replace(inHCL, "executor.go", "executor.^", 1), []string{"go"}, []string{"test"}},
		"hcl parameter": {hclURI, strings.Replace(inHCL, "parameter.target", "parameter.^", 1), []string{"target"}, []string{"deploy"}},
		"hcl job":       {hclURI, strings.Replace(inHCL, "parallelism = 2", "^", 1), []string{"parallelism", "resource_class"}, []string{"jobs"}},
	} {
		e := start(t, 0)
		before, after, _ := strings.Cut(c.text, "^")
		if c.uri == yamlURI { // first a text that can be read, as people begin with
			e.open(c.uri, inYAML)
		} else {
			e.open(c.uri, inHCL)
		}
		var got []completion
		e.call("textDocument/completion", e.openAt(c.uri, before+"^"+after), &got)
		checkOffers(t, name, got, c.want, c.without)
	}
}
