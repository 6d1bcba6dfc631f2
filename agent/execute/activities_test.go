// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

func newRunner(t *testing.T) *Runner {
	t.Helper()
	spool, err := stream.NewSpool(t.TempDir(), 1<<20, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	masks := &mask.Set{}
	runner, err := New(Config{Version: "9.9", TempDir: t.TempDir(), Environ: []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}}, Deps{
		Logger:    hclog.NewNullLogger(),
		Clock:     time.Now,
		Recorder:  stream.NewRecorder(t.Context(), spool, masks, 0, time.Now),
		Processes: process.NewTable(),
		Masks:     masks,
	})
	if err != nil {
		t.Fatal(err)
	}
	return runner
}

// TestAStepThatTheAgentDoesNotKnowFails: it neither passes nor keeps the steps
// that run on failure from running.
func TestAStepThatTheAgentDoesNotKnowFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	touch := func(name string, when core.When) core.StepPlan {
		return core.StepPlan{Kind: core.StepRun, Name: name, Run: &core.RunStep{Command: "touch " + filepath.Join(folder, name), When: when}}
	}
	for name, step := range map[string]core.StepPlan{
		"unknown": {Kind: "levitate", Name: "Levitate"},
		"empty":   {Kind: core.StepSaveCache, Name: "Saving Cache"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := core.ClaimedTask{}
			task.Spec.Plan.Steps = []core.StepPlan{step, touch(name+"-next", ""), touch(name+"-failed", core.WhenOnFail)}
			result, err := newRunner(t).Run(t.Context(), task)
			if err != nil || result.Status != core.JobFailed {
				t.Fatalf("got %+v, %v", result, err)
			}
			if want := map[string]string{"unknown": `"levitate"; update`, "empty": `"save_cache"; update`}[name]; !strings.Contains(result.Reason, want) {
				t.Errorf("the reason is %q, without %q", result.Reason, want)
			}
			if _, err := os.Stat(filepath.Join(folder, name+"-next")); err == nil {
				t.Error("the step after it ran")
			}
			if _, err := os.Stat(filepath.Join(folder, name+"-failed")); err != nil {
				t.Error("the step that runs on failure did not")
			}
		})
	}
}
