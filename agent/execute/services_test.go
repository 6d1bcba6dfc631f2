// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// servicesTask is of a job with service containers called a, b and so on, of which the
// first had ended when the job was claimed.
func servicesTask(names ...string) core.ClaimedTask {
	exit := 1
	var task core.ClaimedTask
	task.Spec.Plan.Executor.Images = []core.DockerImage{{Image: "primary"}}
	for _, name := range names {
		task.Spec.Plan.Executor.Images = append(task.Spec.Plan.Executor.Images, core.DockerImage{Image: name + ":1", Name: name})
	}
	task.Containers = []core.Container{{Index: 0}, {Index: 1, Exit: &exit}}
	task.Spec.Plan.Steps = []core.StepPlan{{Kind: core.StepRun, Name: "work", Run: &core.RunStep{Command: "true"}}}
	return task
}

// TestServicesThatEndAreTold asks at the end of the job, and tells each end once,
// which is no failure of the job.
func TestServicesThatEndAreTold(t *testing.T) {
	t.Parallel()
	one, zero := 1, 0
	runner := newRunner(t)
	var asked atomic.Int64
	runner.deps.Services = func(context.Context) ([]core.Container, error) {
		asked.Add(1)
		return []core.Container{
			{Index: 0, Exit: &one}, {Index: 1, Exit: &one}, {Index: 2, Exit: &one, Output: "no disk left\n"}, {Index: 3}, {Index: 4, Exit: &zero}, {Index: 77, Exit: &one},
		}, nil
	}
	j, err := newJob(t.Context(), runner, servicesTask("a", "b", "c", "d"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	told := map[int]bool{1: true}
	for range 2 {
		if !j.askServices(t.Context(), told) {
			t.Error("the one that runs is forgotten")
		}
	}
	if err := j.endBackground(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int]bool{1: true, 2: true, 4: true}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if j.steps != 2 {
		t.Errorf("%d steps tell of it, want 2", j.steps)
	}
	told[3] = true
	if j.askServices(t.Context(), told) || asked.Load() != 2 {
		t.Errorf("asked %d times, though all have ended", asked.Load())
	}
	result, err := runner.Run(t.Context(), servicesTask("a", "b"))
	if err != nil || result.Status != core.JobSuccess || asked.Load() != 3 {
		t.Errorf("got %+v, %v, asked %d times; want success and a last question", result, err, asked.Load())
	}
}

func TestAPlatformThatTellsNothingOfServices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		more bool
	}{
		{core.Errorf(core.CodeNotFound, "this installation has none"), false},
		{core.Errorf(core.CodeUnavailable, "away"), true},
		{errors.New("cut"), true},
	} {
		runner := newRunner(t)
		runner.deps.Services = func(context.Context) ([]core.Container, error) { return nil, tt.err }
		j, err := newJob(t.Context(), runner, servicesTask("a", "b"), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if more := j.askServices(t.Context(), map[int]bool{}); more != tt.more {
			t.Errorf("%v: asks again: %v", tt.err, more)
		}
	}
}

func TestTheStepOfAServiceThatEnded(t *testing.T) {
	t.Parallel()
	exit := 4
	a := serviceEnded(core.DockerImage{Image: "postgres:17", Name: "db"}, core.Container{Index: 1, Exit: &exit, Output: "no disk left\n"})
	if a.name != "Service container db" || !a.background {
		t.Errorf("got %+v", a)
	}
	var text strings.Builder
	writeEnd(&text, "postgres:17", core.Container{Exit: &exit, Output: "no disk left\n"})
	want := "The service container of postgres:17 ended with exit status 4 while the job ran; it wrote last:\n    no disk left\nThe job goes on without it.\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
