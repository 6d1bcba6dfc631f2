// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
)

const wordsHCL = `locals {
  names = sort(["b", "a"])
}
command "build" {
  parameter "target" {
    type = string
    description = "what to build"
  }
  step "run" {
    condition = istrue(true)
    command   = "go build ${parameter.target}"
  }
}
job "test" {
  machine = true
  step "build" {
    for_each = local.names
    target   = each.value
  }
}
workflow "all" {
  job "test" {
    matrix {
      parameters = {}
    }
  }
}
`

func TestCompletionOfWordsOfHCL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new      string
		want, without []string
	}{
		"top":       {"locals {", "^\nlocals {", []string{"import", "locals", "job_group", "setup"}, []string{"jobs", "orbs"}},
		"parameter": {"description = ", "^\n    description = ", []string{"enum", "default"}, []string{"step"}},
		"type":      {"type = string", "type = ^", []string{"bool", "list(string)", "steps"}, []string{"boolean", "sort"}},
		"job":       {"machine = true", "^", []string{"docker", "step", "resource_class"}, []string{"steps", "parameters", "for_each"}},
		"step":      {"for_each = local.names", "^", []string{"for_each", "condition", "target"}, []string{"matrix"}},
		"call":      {"matrix {", "^\n    matrix {", []string{"matrix", "pre_steps", "requires", "condition"}, []string{"step"}},
		"workflow":  {`job "test" {` + "\n    matrix", "^\n  job \"test\" {\n    matrix", []string{"approval", "schedule", "condition"}, []string{"jobs", "triggers"}},
		"function":  {"= istrue(true)", "= ^", []string{"istrue", "sort", "try", "pipeline"}, []string{"command"}},
		"each":      {"each.value", "each.^", []string{"key", "value"}, []string{"sort"}},
		"label":     {`step "build"`, `step "^"`, []string{"build", "checkout"}, []string{"when", "test"}},
	} {
		e := start(t, 0)
		e.open(hclURI, wordsHCL)
		marked := strings.Replace(wordsHCL, c.old, c.new, 1)
		if !strings.Contains(marked, "^") {
			t.Fatalf("%s: no cursor", name)
		}
		var got []completion
		e.call("textDocument/completion", e.openAt(hclURI, marked), &got)
		checkOffers(t, name, got, c.want, c.without)
	}
}

func TestHoverOnWordsOfHCL(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"locals": "local.name", "sort": "sort(list)", "condition": "true or false", "istrue": "CircleCI's expressions",
		"for_each": "each.key", "matrix": "each combination", "workflow": "What runs", "type": "list(string)", "machine": "virtual machine",
	} {
		e := start(t, 0)
		var got *hover
		e.call("textDocument/hover", e.openAt(hclURI, mark(t, wordsHCL, word, 0)), &got)
		if got == nil || !strings.Contains(got.Contents.Value, want) {
			t.Errorf("%s: %+v has no %q", word, got, want)
		}
	}
}

// TestWordsAreTheLanguage: the compiler refuses no block that is offered.
func TestWordsAreTheLanguage(t *testing.T) {
	t.Parallel()
	heads := map[string]string{
		"import": `import "x"`, "parameter": `parameter "x"`, "executor": `executor "x"`, "command": `command "x"`, "job": `job "x"`,
		"job_group": `job_group "x"`, "workflow": `workflow "x"`,
	}
	for context, list := range words {
		for _, w := range list {
			head, known := heads[context]
			if context != "" && !known {
				continue // blocks inside of these
			}
			text := w.name + " = true"
			if w.kind == isBlock {
				text = w.name + " {}"
			}
			if known {
				text = head + " {\n" + text + "\n}"
			}
			got, err := pipeline.Compile(t.Context(), core.CompileRequest{Config: text}, config.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got.Errors {
				if strings.Contains(e.Message, "not expected") || strings.Contains(e.Message, "extraneous") {
					t.Errorf("%s in %q: %s", w.name, context, e.Message)
				}
			}
		}
	}
}
