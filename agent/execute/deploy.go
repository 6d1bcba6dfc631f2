// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// deploy runs the old deploy step. In a job of one task it is a run step; in one
// of several, node 0 alone runs it, once the others have succeeded. A job that
// somebody may log in to deploys nothing.
//
//	node 0:  wait for the others' ends ─► all succeeded        ─► run the command
//	                                  ├─► one did not          ─► skipped
//	                                  └─► one finds no place   ─► end, to be tried again
//	others:  skipped, at once
//
// The others end without node 0. One that was lost has to find a place again,
// though, and the only one may be that of node 0: it gives it back after a while,
// so nobody waits in a circle. The queue holds it then until all others have begun.
func (j *job) deploy(ctx context.Context, step core.RunStep, out *stream.StepWriter) (outcome, error) {
	spec := j.task.Spec
	switch {
	case spec.SSH != nil:
		return skip(out, "skipping deploy\nRunning in SSH mode.  Avoid deploying.")
	case spec.Total <= 1:
		return j.command(ctx, step, out)
	case spec.Index != 0:
		return skip(out, "Node 0 runs this step, when all other nodes of the job have succeeded.")
	case step.When == core.WhenOnFail:
		return skip(out, "A deploy step of a job with several nodes runs only when all of them have succeeded.")
	case j.deps.Siblings == nil:
		return refuse("This agent cannot ask how the other nodes of the job are.")(ctx, out)
	}
	w := waiting{job: j, out: out, pause: stream.Backoff{Least: 200 * time.Millisecond, Most: 10 * time.Second}}
	if o, ok, err := w.wait(ctx); err != nil || !ok {
		return o, err
	}
	return j.command(ctx, step, out)
}

// plannedDeploy leaves only one way in which `when` can matter: after a failure
// of its own, a node of several deploys nothing.
func (j *job) plannedDeploy(step core.RunStep, a *activity) {
	if step.When == core.WhenAlways && j.task.Spec.Total > 1 {
		a.when = core.WhenOnSuccess
	}
	a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) { return j.deploy(ctx, step, out) }
}

func skip(out *stream.StepWriter, reason string) (outcome, error) {
	return outcome{status: core.StepSkipped}, out.Note("%s\n", reason)
}

// waiting is node 0 before its deploy step.
type waiting struct {
	*job
	out   *stream.StepWriter
	pause stream.Backoff

	known  string // version of the last answer
	open   string // the nodes that it named as running, as text
	told   time.Time
	silent bool      // the platform does not answer, and the step says so
	lost   time.Time // since then there has been a node without a place
}

// wait returns true when all others have succeeded, and otherwise how the step
// ends. No silence of it counts as a timeout; the job's own limit holds.
func (w *waiting) wait(ctx context.Context) (o outcome, ok bool, err error) {
	for {
		found, err := w.deps.Siblings(ctx, w.known, w.patience())
		if o, ok := stopped(ctx); ok {
			return o, false, o.note(w.out)
		}
		if err != nil {
			if o, final, err := w.missed(ctx, err); final || err != nil {
				return o, false, err
			}
			continue
		}
		if err := w.answered(); err != nil {
			return outcome{}, false, err
		}
		w.known = found.Version
		open, broken := judge(found.Tasks)
		switch {
		case len(broken) > 0:
			o, err := skip(w.out, "Not deploying, since not all nodes of the job have succeeded:\n"+strings.Join(broken, "\n"))
			return o, false, err
		case open == "":
			return outcome{}, true, w.out.Note("All other nodes of the job have succeeded.\n")
		}
		if err := w.tell(open); err != nil {
			return outcome{}, false, err
		}
		if node, ok := w.overdue(found.Tasks); ok {
			o := w.giveWay(node)
			return o, false, o.note(w.out)
		}
	}
}

// patience is how long the next question may wait for news.
func (w *waiting) patience() time.Duration {
	if w.lost.IsZero() {
		return core.MaxSiblingWait
	}
	return max(time.Millisecond, min(core.MaxSiblingWait, w.cfg.Yield-time.Since(w.lost)))
}

// overdue names a node that has no place, when there has been one for too long.
func (w *waiting) overdue(siblings []core.Sibling) (node int, ok bool) {
	at := slices.IndexFunc(siblings, func(s core.Sibling) bool { return s.Status == core.JobQueued })
	if at < 0 {
		w.lost = time.Time{}
		return 0, false
	}
	if w.lost.IsZero() {
		w.lost = time.Now()
	}
	return siblings[at].Index, time.Since(w.lost) >= w.cfg.Yield
}

// giveWay ends the job as the infrastructure's failure, after which another
// attempt is made of it.
func (w *waiting) giveWay(node int) outcome {
	i := &Interruption{Status: core.JobInfrastructureFail, Reason: fmt.Sprintf(
		"Node %d was lost and has found no place to run for %s. This node gives its own back, without having deployed; it is tried again when all others have begun.", node, w.cfg.Yield)}
	w.interrupt(i)
	return outcome{status: i.stepStatus(), reason: i.Reason}
}

// tell names the nodes that are waited for, when they are others than before.
func (w *waiting) tell(open string) error {
	now := time.Now()
	if open == w.open || !w.told.IsZero() && now.Sub(w.told) < progressEvery {
		return nil
	}
	w.open, w.told = open, now
	return w.out.Note("Waiting for the other nodes of the job to end: %s\n", open)
}

// answered says that the platform is back.
func (w *waiting) answered() error {
	w.pause.Reset()
	if !w.silent {
		return nil
	}
	w.silent = false
	return w.out.Note("The platform answers again.\n")
}

// missed waits after a question without an answer. An answer that says no ends
// the step: nobody knows then whether it may deploy.
func (w *waiting) missed(ctx context.Context, cause error) (o outcome, final bool, err error) {
	switch core.ErrorCode(cause) {
	case core.CodeInvalid, core.CodeNotFound, core.CodeForbidden:
		o, err := refuse("Not deploying: the platform does not say how the other nodes of the job are: "+core.ErrorMessage(cause)+".")(ctx, w.out)
		return o, true, err
	}
	w.deps.Logger.Debug("how the other tasks are cannot be had yet", "error", cause)
	if !w.silent {
		w.silent = true
		if err := w.out.Note("The platform does not say how the other nodes are just now; asking again.\n"); err != nil {
			return outcome{}, false, err
		}
	}
	timer := time.NewTimer(w.pause.Next())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		o, _ := stopped(ctx)
		return o, true, o.note(w.out)
	case <-timer.C:
		return outcome{}, false, nil
	}
}

// maxNamed is how many nodes a message names.
const maxNamed = 20

// judge returns the nodes that have not ended, as text, and a line for each that
// did not succeed.
func judge(siblings []core.Sibling) (open string, broken []string) {
	var names []string
	more, worse := 0, 0
	for _, s := range siblings {
		switch {
		case s.Status == core.JobSuccess:
		case !s.Status.Ended() && len(names) == maxNamed:
			more++
		case !s.Status.Ended():
			names = append(names, strconv.Itoa(s.Index)+" ("+state(s)+")")
		case len(broken) == maxNamed:
			worse++
		case s.Reason != "":
			broken = append(broken, fmt.Sprintf("  node %d: %s: %s", s.Index, s.Status, s.Reason))
		default:
			broken = append(broken, fmt.Sprintf("  node %d: %s", s.Index, s.Status))
		}
	}
	if more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	if worse > 0 {
		broken = append(broken, fmt.Sprintf("  and %d more", worse))
	}
	return strings.Join(names, ", "), broken
}

func state(s core.Sibling) string {
	if s.Attempt > 1 {
		return fmt.Sprintf("%s, attempt %d", s.Status, s.Attempt)
	}
	return string(s.Status)
}
