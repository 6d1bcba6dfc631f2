// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// command runs a run step, and again while it fails and has reruns left.
func (j *job) command(ctx context.Context, step core.RunStep, out *stream.StepWriter) (outcome, error) {
	for try := 1; ; try++ {
		o, err := j.try(ctx, step, out)
		if err != nil || o.status != core.StepFailed || try > step.MaxAutoReruns {
			return o, err
		}
		err = out.Note("\nRerunning the step: attempt %d of %d, in %s\n\n", try+1, step.MaxAutoReruns+1, step.AutoRerunDelay)
		if err != nil {
			return o, err
		}
		select {
		case <-ctx.Done():
			return o, nil
		case <-time.After(step.AutoRerunDelay):
		}
	}
}

// try runs the command once.
func (j *job) try(ctx context.Context, step core.RunStep, out *stream.StepWriter) (outcome, error) {
	killed := process.MemoryKills()
	watched, ctx, done := j.watch(ctx, step.NoOutputTimeout, out)
	defer done()
	p, err := j.start(step, watched)
	if err != nil {
		return refused(nameDisk(err, ""), out)
	}
	code, err := waitOrStop(ctx, p, j.cfg.Grace)
	if err != nil {
		return outcome{}, err
	}
	if o, ok := stopped(ctx); ok {
		if code >= 0 {
			o.exit = &code
		}
		return o, o.note(out)
	}
	if code == 0 {
		return outcome{status: core.StepSuccess, exit: &code}, nil
	}
	o := outcome{status: core.StepFailed, exit: &code}
	if process.MemoryKills() > killed {
		o.memory, o.reason = true, "A process was killed because the memory of the job's container was used up; choose a larger resource class."
	}
	return o, errors.Join(out.Note("\nExited with code exit status %d\n", code), o.note(out))
}

// start starts the step's shell in its folder and environment.
func (j *job) start(step core.RunStep, out io.Writer) (*process.Process, error) {
	words, err := j.script(step)
	if err != nil {
		return nil, err
	}
	directory := j.path(step.WorkingDirectory, j.directory)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, core.Errorf(core.CodeInvalid, "The working directory cannot be made: %w.", err)
	}
	env := j.base.with(step.Environment)
	env.set("PWD", directory)
	j.addCommands(&env) // the step may have a PATH of its own
	return j.deps.Processes.Start(process.Command{Args: words, Dir: directory, Env: env.list(), Terminal: true, Out: out})
}

// refused tells that a command could not even start. That is the step's fault
// (a shell that is not there), so it fails like a command that does.
func refused(err error, out *stream.StepWriter) (outcome, error) {
	reason := err.Error()
	var failed *os.PathError
	missing := errors.As(err, &failed) && failed.Op == "fork/exec" && errors.Is(err, os.ErrNotExist)
	if missing || errors.Is(err, exec.ErrNotFound) {
		reason = fmt.Sprintf("The step's shell is not in the image: %v. Choose another with the key `shell`.", err)
	}
	return outcome{status: core.StepFailed, reason: reason}, out.Note("\n%s\n", reason)
}

// waitOrStop waits for the command, and stops it when ctx ends first.
func waitOrStop(ctx context.Context, p *process.Process, grace time.Duration) (int, error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
			p.Stop(grace)
		case <-p.Ended():
		}
	}()
	code, err := p.Wait()
	<-done
	return code, err
}

// silence is the cause of a context that ended because nothing was written.
type silence struct{ limit time.Duration }

// Error is CircleCI's text.
func (s silence) Error() string {
	return fmt.Sprintf("Too long with no output (exceeded %s): context deadline exceeded", s.limit)
}

// stopped tells how a step ended that was made to.
func stopped(ctx context.Context) (outcome, bool) {
	if ctx.Err() == nil {
		return outcome{}, false
	}
	var s silence
	if errors.As(context.Cause(ctx), &s) {
		return outcome{status: core.StepTimedOut, reason: s.Error()}, true
	}
	if errors.Is(context.Cause(ctx), errJobEnded) {
		return outcome{status: core.StepSuccess}, true
	}
	i := interrupted(ctx)
	return outcome{status: i.stepStatus(), reason: i.Reason}, true
}

// note writes the reason at the end of the step's output.
func (o outcome) note(out *stream.StepWriter) error {
	if o.reason == "" {
		return nil
	}
	return out.Note("\n%s\n", o.reason)
}

// watched notes when output was last taken.
type watched struct {
	out     io.Writer
	began   time.Time
	last    atomic.Int64 // from began to the last write; no time of day, which jumps
	writing atomic.Bool
}

// Write passes p on. While it blocks the step is not silent: it is we who keep
// it waiting.
func (w *watched) Write(p []byte) (int, error) {
	w.writing.Store(true)
	defer w.writing.Store(false)
	n, err := w.out.Write(p)
	w.last.Store(int64(time.Since(w.began)))
	return n, err
}

// watch returns a writer to out and a context that ends when nothing has been
// written to it for limit; 0 means the default. done must be called.
func (j *job) watch(ctx context.Context, limit time.Duration, out io.Writer) (w *watched, _ context.Context, done func()) {
	if limit <= 0 {
		limit = j.cfg.NoOutput
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w = &watched{out: out, began: time.Now()}
	go func() {
		if w.wait(ctx, limit) {
			cancel(silence{limit})
		}
	}()
	return w, ctx, func() { cancel(nil) }
}

// asleep is how much later than asked for a timer goes off in an agent that did
// not run meanwhile: it was stopped, or its machine was.
const asleep = 2 * time.Second

// wait returns true when nothing has been written for limit, false when ctx has
// ended before.
func (w *watched) wait(ctx context.Context, limit time.Duration) bool {
	for next := limit; ; {
		began, timer := time.Now(), time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		quiet := time.Since(w.began) - time.Duration(w.last.Load())
		switch {
		case w.writing.Load(), time.Since(began) > next+asleep:
			next = limit // what the step wrote while we did not run is still to be read
		case quiet < limit:
			next = limit - quiet
		default:
			return true
		}
	}
}
