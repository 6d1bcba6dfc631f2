// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/muster-ci/muster/agent/ssh"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// job is one run of a task's steps.
type job struct {
	*Runner
	task core.ClaimedTask
	temp string

	image     environment // what the container's own process gets
	base      environment // of every step: image, project, built-in and job variables
	builtin   environment // the built-in part, to be shown
	home      string
	directory string      // the job's working directory, absolute
	shell     []string    // the default of the image
	failed    bool        // a step of the foreground has failed
	halted    atomic.Bool // a step asked for no further ones

	leaveOutside func()       // ends what comes through the gateway
	mute         error        // why the commands of the job cannot reach us, nil when they can
	tokens       chan fetched // capacity 1; nil where there are none to come
	ssh          *ssh.Server  // of a job that somebody may log in to, once it listens

	background sync.WaitGroup
	quit       context.CancelCauseFunc // ends the steps in the background
	interrupt  context.CancelCauseFunc // ends the steps of the foreground
	alive      context.Context         // theirs

	mu    sync.Mutex
	steps int   // how many have begun
	lost  error // the first failure of a background step to tell
	// What its commands have added to the masks.
	addedMasks, addedBytes int
	logins                 int // commands over SSH
}

// activity is one step as the runner sees it.
type activity struct {
	name, command, kind string
	when                core.When
	background          bool
	run                 func(ctx context.Context, out *stream.StepWriter) (outcome, error)
}

// outcome is how a step ended. Reason is for people, when the exit code is not
// the story.
type outcome struct {
	status core.StepStatus
	exit   *int
	reason string
	memory bool // the kernel killed something of it for want of memory
}

func newJob(ctx context.Context, r *Runner, task core.ClaimedTask, temp string) (*job, error) {
	j := &job{Runner: r, task: task, temp: temp}
	own := 3 + len(task.Spec.Plan.Executor.Images) // steps that are not the plan's
	if most := wire.MaxStreams - own; len(task.Spec.Plan.Steps)+own > most {
		return nil, fmt.Errorf("the job has %d steps, more than the %d that can be reported", len(task.Spec.Plan.Steps), most)
	}
	// Steps in the background outlive the foreground's interruption by a moment,
	// so that one place, endBackground, ends them and knows why.
	j.alive, j.quit = context.WithCancelCause(context.WithoutCancel(ctx))
	j.prepareEnvironment()
	j.directory = j.path(j.task.Spec.Plan.WorkingDirectory, filepath.Join(j.home, "project"))
	j.shell = j.defaultShell()
	return j, nil
}

// run goes through the steps. A step that was interrupted, or ran out of time,
// ends the job; one that failed leaves only those that ask to run on failure,
// and one that halted the job none.
func (j *job) run(ctx context.Context) (Result, error) {
	ctx, j.interrupt = context.WithCancelCause(ctx)
	defer j.interrupt(nil)
	result := Result{Status: core.JobSuccess}
	for _, a := range j.activities() {
		if interrupted(ctx) != nil || j.halted.Load() {
			break
		}
		if !j.wanted(a.when) {
			continue
		}
		o, err := j.perform(ctx, a)
		if err != nil {
			return Result{}, err
		}
		switch o.status {
		case core.StepFailed:
			if !j.failed || result.Reason == "" { // what fails later may fail for that
				result = o.result()
			}
			j.failed = true
		case core.StepTimedOut:
			return j.timedOut(ctx, o), nil
		}
	}
	if i := interrupted(ctx); i != nil {
		return Result(*i), nil
	}
	return result, nil
}

// result is that of a job whose failure this is.
func (o outcome) result() Result {
	if o.memory {
		return Result{Status: core.JobInfrastructureFail, Reason: o.reason, OutOfMemory: true}
	}
	return Result{Status: core.JobFailed, Reason: o.reason}
}

// timedOut tells a step's own timeout from the task's.
func (j *job) timedOut(ctx context.Context, o outcome) Result {
	if i := interrupted(ctx); i != nil {
		return Result(*i)
	}
	return Result{Status: core.JobTimedOut, Reason: o.reason}
}

func (j *job) wanted(when core.When) bool {
	switch when {
	case core.WhenAlways:
		return true
	case core.WhenOnFail:
		return j.failed
	default:
		return !j.failed
	}
}

// perform begins a step and, unless it runs in the background, sees it ended.
func (j *job) perform(ctx context.Context, a activity) (outcome, error) {
	number := j.next()
	err := j.deps.Recorder.Event(wire.Event{Type: wire.StepStarted, Step: number, Name: a.name,
		Command: a.command, Kind: a.kind, Background: a.background})
	if err != nil {
		return outcome{}, fmt.Errorf("telling the start of a step: %w", err)
	}
	if !a.background {
		return j.finish(ctx, a, number)
	}
	j.background.Go(func() {
		if _, err := j.finish(j.alive, a, number); err != nil {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.lost = errors.Join(j.lost, err)
		}
	})
	return outcome{status: core.StepRunning}, nil
}

// finish runs a step and tells how it ended.
func (j *job) finish(ctx context.Context, a activity, number int) (outcome, error) {
	out := j.deps.Recorder.Step(number)
	o, err := a.run(ctx, out)
	if err != nil {
		return o, errors.Join(fmt.Errorf("running step %q: %w", a.name, err), out.Close())
	}
	if err := out.Close(); err != nil {
		return o, fmt.Errorf("ending the output of step %q: %w", a.name, err)
	}
	err = j.deps.Recorder.Event(wire.Event{Type: wire.StepEnded, Step: number, StepStatus: o.status,
		ExitCode: o.exit, Reason: o.reason, Truncated: out.Truncated(), Background: a.background})
	if err != nil {
		return o, fmt.Errorf("telling the end of a step: %w", err)
	}
	return o, nil
}

func (j *job) next() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.steps++
	return j.steps - 1
}

// errJobEnded is the cause of the end of steps in the background whose job
// came to its own end.
var errJobEnded = errors.New("the job ended")

// endBackground stops what runs in the background and waits for it.
func (j *job) endBackground(ctx context.Context) error {
	if i := interrupted(ctx); i != nil {
		j.quit(i)
	} else {
		j.quit(errJobEnded)
	}
	j.background.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lost
}

// interrupted returns why ctx ended, nil while it has not.
func interrupted(ctx context.Context) *Interruption {
	if ctx.Err() == nil {
		return nil
	}
	var i *Interruption
	if errors.As(context.Cause(ctx), &i) {
		return i
	}
	return &Interruption{Status: core.JobCanceled, Reason: "The task was canceled."}
}

// stepStatus is a step's share of an interruption.
func (i *Interruption) stepStatus() core.StepStatus {
	switch i.Status {
	case core.JobTimedOut:
		return core.StepTimedOut
	case core.JobInfrastructureFail:
		return core.StepLost
	default:
		return core.StepCanceled
	}
}
