// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/core"
)

// TestTheSocketGivesNoSecretAway asks everything that a job answers, and what
// somebody might hope for.
func TestTheSocketGivesNoSecretAway(t *testing.T) {
	t.Parallel()
	const canary = "canary-of-the-project"
	task := core.ClaimedTask{Secrets: []core.EnvVar{{Name: "TOKEN", Value: canary}}}
	task.Spec.FailedTests = []core.FailedTest{{File: "a_test.go"}}
	r := newRunner(t)
	j, err := newJob(t.Context(), r, task, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer j.openAnswers()()
	if j.mute != nil {
		t.Fatal(j.mute)
	}
	caller := answer.NewCaller(filepath.Join(j.builtin.get("CIRCLE_INTERNAL_TASK_DATA"), answer.Socket))
	for path, known := range map[string]bool{
		answer.PathHalt: true, answer.PathMask: true, answer.PathFailedTests: true,
		"/": false, "/v1/": false, "/v1/env": false, "/v1/secrets": false, "/v1/token": false, "/v1/masks": false, "/debug/pprof/heap": false, "/debug/vars": false,
	} {
		var said json.RawMessage
		err := caller.Call(t.Context(), path, answer.Nothing{}, &said)
		if (err == nil) != known {
			t.Errorf("%s: got %v", path, err)
		}
		if text := string(said); strings.Contains(text, canary) || err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s tells a secret: %s, %v", path, text, err)
		}
	}
	if !j.halted.Load() {
		t.Error("the job was not halted")
	}
}

// TestAJobRunsWithoutItsCommands: where their folder cannot be made, and says so.
func TestAJobRunsWithoutItsCommands(t *testing.T) {
	t.Parallel()
	j, err := newJob(t.Context(), newRunner(t), core.ClaimedTask{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(j.commandFolder(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer j.openAnswers()()
	if j.mute == nil {
		t.Fatal("a file in the place of the folder was no trouble")
	}
	if o, err := j.showEnvironment(t.Context(), j.deps.Recorder.Step(1)); err != nil || o.status != core.StepSuccess {
		t.Errorf("got %+v, %v", o, err)
	}
}
