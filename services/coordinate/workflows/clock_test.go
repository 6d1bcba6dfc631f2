// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// TestNothingEndsBeforeItBegan has a task's start told by a clock that is hours
// ahead of the one that tells its end.
func TestNothingEndsBeforeItBegan(t *testing.T) {
	t.Parallel()
	b := newBoard(moment)
	w := &workflow{}
	w.Tally.V = tally{}
	w.ID = "w"
	j := &job{ID: "j", Workflow: "w", jobState: jobState{Status: core.JobQueued, OpenTasks: 1}}
	task := &task{ID: "t", Job: "j", taskState: taskState{Status: core.JobQueued, Attempt: 1}}
	b.workflows["w"], b.jobs["j"], b.tasks["t"] = w, j, task
	w.Tally.V.move("", core.JobQueued)
	began := moment.Time().Add(3 * time.Hour)
	for _, r := range []core.TaskReport{
		{Task: "t", Attempt: 1, Status: core.JobRunning, At: began},
		{Task: "t", Attempt: 1, Status: core.JobSuccess, At: moment.Time()},
	} {
		if !b.report(r) {
			t.Fatalf("%+v was not taken", r)
		}
	}
	if want := store.At(began); task.StoppedAt != want || j.StartedAt != want || j.StoppedAt != want {
		t.Errorf("the task ended %s, the job ran from %s to %s; want all at %s", task.StoppedAt, j.StartedAt, j.StoppedAt, want)
	}
}
