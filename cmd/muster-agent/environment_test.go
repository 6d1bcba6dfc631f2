// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// TestPrecedenceOfTheEnvironment takes CircleCI's levels, the strongest away one
// by one: the shell command, the step, the job, the built-in variables, and what
// the platform sends, in which contexts come after the project. The image is the
// weakest.
func TestPrecedenceOfTheEnvironment(t *testing.T) {
	t.Parallel()
	vars := func(names, value string) (list []core.EnvVar) {
		for name := range strings.FieldsSeq(names) {
			list = append(list, core.EnvVar{Name: name, Value: value})
		}
		return list
	}
	claimed := task(run2("levels", core.RunStep{
		Command:     `A=shell; echo $A $B $C $CIRCLE_BRANCH $E $F $IMAGE_SAYS; echo 'export G=bash-env' >> "$BASH_ENV"`,
		Environment: vars("A B", "step"),
	}), run2("next", core.RunStep{Command: `echo $G $A`, Environment: vars("G", "step")}))
	claimed.Spec.Plan.Environment = vars("A B C", "job")
	claimed.Secrets = append(vars("A B C CIRCLE_BRANCH E F", "project"), vars("A B C CIRCLE_BRANCH E", "context")...)
	s := agenttest.New(t, claimed, wire.Limits{})
	start(t, s, "F=image").wait()
	// The project's value of F is masked, as the context's of E.
	const mark = "****************"
	if got, want := s.Output(first), "shell step job main "+mark+" "+mark+" hello\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := s.Output(first+1), "bash-env job\n"; got != want {
		t.Errorf("the next step: got %q, want %q", got, want)
	}
}

// TestWhatARerunInherits: the id of the first workflow of its line.
func TestWhatARerunInherits(t *testing.T) {
	t.Parallel()
	claimed := task(sh("echo $CIRCLE_WORKFLOW_WORKSPACE_ID"))
	claimed.Spec.Workspace = "workflow-0"
	s := agenttest.New(t, claimed, wire.Limits{})
	start(t, s).wait()
	if got := s.Output(first); got != "workflow-0\n" {
		t.Errorf("got %q", got)
	}
}
