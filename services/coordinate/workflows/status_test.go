// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"testing"

	"github.com/muster-ci/muster/core"
)

func TestWorkflowStatus(t *testing.T) {
	t.Parallel()
	const (
		blocked, hold, queued, running = core.JobBlocked, core.JobOnHold, core.JobQueued, core.JobRunning
		success, failed, timedout      = core.JobSuccess, core.JobFailed, core.JobTimedOut
		infra, canceled                = core.JobInfrastructureFail, core.JobCanceled
		unauthorized, notRun           = core.JobUnauthorized, core.JobNotRun
	)
	type statuses = []core.JobStatus
	for _, c := range []struct {
		jobs        statuses
		cancelAsked bool
		want        core.WorkflowStatus
	}{
		{jobs: statuses{queued}, want: core.WorkflowRunning},
		{jobs: statuses{running, success}, want: core.WorkflowRunning},
		{jobs: statuses{blocked, running}, want: core.WorkflowRunning},
		{jobs: statuses{running, failed}, want: core.WorkflowFailing},
		{jobs: statuses{queued, timedout}, want: core.WorkflowFailing},
		{jobs: statuses{queued, infra}, want: core.WorkflowFailing},
		{jobs: statuses{queued, canceled}, want: core.WorkflowRunning},
		{jobs: statuses{queued, unauthorized}, want: core.WorkflowRunning},
		{jobs: statuses{queued, hold}, want: core.WorkflowRunning},
		{jobs: statuses{running, hold, blocked}, want: core.WorkflowRunning},
		{jobs: statuses{hold, blocked, success}, want: core.WorkflowOnHold},
		{jobs: statuses{hold}, want: core.WorkflowOnHold},
		{jobs: statuses{hold, failed}, want: core.WorkflowFailing},
		{jobs: statuses{running}, cancelAsked: true, want: core.WorkflowRunning},
		{jobs: statuses{running, canceled, failed}, cancelAsked: true, want: core.WorkflowFailing},
		{jobs: statuses{success, success}, want: core.WorkflowSuccess},
		{jobs: statuses{success, notRun}, want: core.WorkflowSuccess},
		{jobs: statuses{notRun}, want: core.WorkflowNotRun},
		{jobs: statuses{success, failed, notRun}, want: core.WorkflowFailed},
		{jobs: statuses{success, timedout}, want: core.WorkflowFailed},
		{jobs: statuses{success, infra}, want: core.WorkflowFailed},
		{jobs: statuses{success, canceled}, want: core.WorkflowCanceled},
		{jobs: statuses{failed, canceled}, want: core.WorkflowFailed},
		{jobs: statuses{failed, canceled}, cancelAsked: true, want: core.WorkflowCanceled},
		{jobs: statuses{failed, success}, cancelAsked: true, want: core.WorkflowFailed},
		{jobs: statuses{success}, cancelAsked: true, want: core.WorkflowSuccess},
		{jobs: statuses{unauthorized, failed, canceled}, want: core.WorkflowUnauthorized},
	} {
		counts := tally{}
		for _, s := range c.jobs {
			counts.move("", s)
		}
		if got := counts.status(c.cancelAsked); got != c.want {
			t.Errorf("jobs %v, cancel asked %t: got %s, want %s", c.jobs, c.cancelAsked, got, c.want)
		}
	}
}

func TestWorseIsAnOrder(t *testing.T) {
	t.Parallel()
	for i, worst := range finals {
		for k, other := range finals {
			want := finals[min(i, k)]
			if got := worse(worst, other); got != want {
				t.Errorf("worse(%s, %s): got %s, want %s", worst, other, got, want)
			}
		}
		if got := worse("", worst); got != worst {
			t.Errorf("the first end %s: got %s", worst, got)
		}
		if got := worse(worst, ""); got != worst {
			t.Errorf("no end after %s: got %s", worst, got)
		}
	}
}

func TestAccepting(t *testing.T) {
	t.Parallel()
	type statuses = []core.JobStatus
	for _, c := range []struct {
		statuses statuses
		in, out  statuses
	}{
		{
			statuses{core.JobSuccess},
			statuses{core.JobSuccess},
			statuses{core.JobFailed, core.JobTimedOut, core.JobCanceled, core.JobNotRun, core.JobUnauthorized, core.JobInfrastructureFail},
		},
		{
			statuses{core.JobFailed},
			statuses{core.JobFailed, core.JobTimedOut, core.JobInfrastructureFail},
			statuses{core.JobSuccess, core.JobCanceled, core.JobNotRun, core.JobUnauthorized},
		},
		{
			statuses{core.JobSuccess, core.JobFailed, core.JobCanceled, core.JobUnauthorized, core.JobNotRun},
			finals, statuses{core.JobRunning, core.JobQueued, core.JobBlocked, core.JobOnHold},
		},
	} {
		set, ok := accepting(c.statuses)
		if !ok {
			t.Fatalf("%v is refused", c.statuses)
		}
		for _, s := range c.in {
			if !set.has(s) {
				t.Errorf("%v does not accept %s", c.statuses, s)
			}
		}
		for _, s := range c.out {
			if set.has(s) {
				t.Errorf("%v accepts %s", c.statuses, s)
			}
		}
	}
	for _, bad := range []statuses{nil, {core.JobRunning}, {core.JobSuccess, "green"}} {
		if _, ok := accepting(bad); ok {
			t.Errorf("%v is accepted", bad)
		}
	}
}
