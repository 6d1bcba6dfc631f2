// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
)

const around = `
command "around" {
  parameter "inside" {
    type = steps
    default {
      step "greet" {}
    }
  }
  step "steps" { steps = parameter.inside }
}
command "greet" {
  step "run" { command = "echo hello" }
}
job "one" {
  machine = true
  step "around" {}
  step "around" {
    steps "inside" {}
  }
}
workflow "all" {
  job "one" {}
}
`

// Default steps count where a call gives none, and an empty list is one.
func TestDefaultSteps(t *testing.T) {
	t.Parallel()
	got := compiled(pipeline.Compile(t.Context(), request(around), config.Options{}))
	if got.Plan == nil {
		t.Fatalf("%+v", got.Errors)
	}
	if steps := got.Plan.Workflows[0].Jobs[0].Steps; len(steps) != 1 || !strings.Contains(got.Processed, "echo hello") {
		t.Errorf("%+v", steps)
	}
}

func TestDefaultStepsMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"calls itself":   {`step "greet" {}`, `step "around" {}`, "call what has that default"},
		"another type":   {"type = steps", "type = string", "Only a parameter of type steps has a default block"},
		"two defaults":   {"type = steps", "type = steps\n    default = null", "There is a default already"},
		"another block":  {"default {", "fallback {", `Blocks of type "fallback"`},
		"not steps":      {`step "greet" {}`, `greet = 1`, `An attribute named "greet"`},
		"unknown in one": {`step "greet" {}`, `step "gret" {}`, "gret"},
	} {
		got := compiled(pipeline.Compile(t.Context(), request(strings.Replace(around, c.old, c.new, 1)), config.Options{}))
		if len(got.Errors) == 0 || !strings.Contains(got.Errors[0].Message, c.want) {
			t.Errorf("%s: %+v", name, got.Errors)
		}
	}
}
