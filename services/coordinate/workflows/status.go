// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"slices"

	"github.com/muster-ci/muster/core"
)

// finals are the final job statuses from the worst to the best: the order in
// which the ends of a job's tasks make the end of the job.
//
//	unauthorized > failed > timedout > infrastructure_fail > canceled > not_run > success
//
// What the build itself said comes before what happened to it: a red test in
// one task is worth reading even when another task's node was lost, while a
// lost node must not pass for a cancel that nobody asked for.
var finals = []core.JobStatus{
	core.JobUnauthorized, core.JobFailed, core.JobTimedOut, core.JobInfrastructureFail,
	core.JobCanceled, core.JobNotRun, core.JobSuccess,
}

// worse returns the one of two ends that counts; "" is no end yet.
func worse(a, b core.JobStatus) core.JobStatus {
	if a == "" || b != "" && slices.Index(finals, b) < slices.Index(finals, a) {
		return b
	}
	return a
}

// statusSet is a set of final statuses, a bit each by its place in finals. It is
// stored: finals may grow at its end only.
type statusSet uint16

// accepting returns the set of a requirement's statuses. In CircleCI's config
// "failed" stands for every way to fail, so it takes in timedout and
// infrastructure_fail. ok is false when one is not final.
func accepting(statuses []core.JobStatus) (set statusSet, ok bool) {
	for _, s := range statuses {
		i := slices.Index(finals, s)
		if i < 0 {
			return 0, false
		}
		set |= 1 << i
		if s == core.JobFailed {
			more, _ := accepting([]core.JobStatus{core.JobTimedOut, core.JobInfrastructureFail})
			set |= more
		}
	}
	return set, len(statuses) > 0
}

func (set statusSet) has(s core.JobStatus) bool {
	i := slices.Index(finals, s)
	return i >= 0 && set&(1<<i) != 0
}

// tally counts the jobs of a workflow by status.
type tally map[core.JobStatus]int

// move takes a job from one status to another. from is "" for a new job.
func (t tally) move(from, to core.JobStatus) {
	if from != "" {
		if t[from]--; t[from] == 0 {
			delete(t, from)
		}
	}
	t[to]++
}

// status is the workflow's, as it follows from its jobs.
//
//	            any queued or running?          none, but an approval waits?
//	none failed      running                          on_hold
//	one failed       failing                          failing
//
// A failure is reported as soon as it is there, while others still run or wait
// for approval: nobody should approve, or wait, without knowing. When every job
// has ended the first of these that holds is the end of the workflow:
//
//	unauthorized   a job was
//	canceled       the workflow was canceled, and a job with it
//	failed         a job failed, timed out or lost its machine
//	canceled       a job was canceled by itself
//	success        a job succeeded
//	not_run        none did anything
//
// No final status is ever left: a rerun is a new workflow.
func (t tally) status(cancelAsked bool) core.WorkflowStatus {
	failed := t[core.JobFailed]+t[core.JobTimedOut]+t[core.JobInfrastructureFail] > 0
	active := t[core.JobQueued]+t[core.JobRunning] > 0
	waiting := t[core.JobOnHold] > 0
	switch {
	case active || waiting || t[core.JobBlocked] > 0:
		switch {
		case failed:
			return core.WorkflowFailing
		case waiting && !active:
			return core.WorkflowOnHold
		default:
			return core.WorkflowRunning
		}
	case t[core.JobUnauthorized] > 0:
		return core.WorkflowUnauthorized
	case cancelAsked && t[core.JobCanceled] > 0:
		return core.WorkflowCanceled
	case failed:
		return core.WorkflowFailed
	case t[core.JobCanceled] > 0:
		return core.WorkflowCanceled
	case t[core.JobSuccess] > 0:
		return core.WorkflowSuccess
	default:
		return core.WorkflowNotRun
	}
}
