// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/muster-ci/muster/agent/archive"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/agent/tree"
	"github.com/muster-ci/muster/core"
)

// progressEvery is how often long work says how far it is.
const progressEvery = 10 * time.Second

// plannedArchive fills in the steps that keep and bring back files.
func (j *job) plannedArchive(step core.StepPlan, a *activity) bool {
	type run = func(context.Context, *stream.StepWriter) (outcome, error)
	switch {
	case step.Kind == core.StepSaveCache && step.SaveCache != nil:
		plan := *step.SaveCache
		if plan.When != "" {
			a.when = plan.When
		}
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) { return j.saveCache(ctx, plan, out) }
	case step.Kind == core.StepRestoreCache && step.RestoreCache != nil:
		plan := *step.RestoreCache
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) {
			return j.restoreCache(ctx, plan, out)
		}
	case step.Kind == core.StepPersistToWorkspace && step.PersistToWorkspace != nil:
		plan := *step.PersistToWorkspace
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) { return j.persist(ctx, plan, out) }
	case step.Kind == core.StepAttachWorkspace && step.AttachWorkspace != nil:
		plan := *step.AttachWorkspace
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) { return j.attach(ctx, plan, out) }
	case step.Kind == core.StepStoreArtifacts && step.StoreArtifacts != nil:
		plan := *step.StoreArtifacts
		if a.when == "" {
			a.when = core.WhenAlways
		}
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) {
			return j.storeArtifacts(ctx, plan, out)
		}
	case step.Kind == core.StepStoreTestResults && step.StoreTestResults != nil:
		plan := *step.StoreTestResults
		if a.when == "" {
			a.when = core.WhenAlways
		}
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) {
			return j.storeTestResults(ctx, plan, out)
		}
	default:
		return false
	}
	return true
}

// keeping is one such step at work. It collects the first error of the step's
// output, which is the agent's own trouble and not the step's.
type keeping struct {
	*job
	store *archive.Store
	out   *stream.StepWriter

	mu     sync.Mutex
	failed error
}

// keep prepares a step.
func (j *job) keep(out *stream.StepWriter, patience time.Duration) *keeping {
	k := &keeping{job: j, out: out}
	k.store = j.deps.Archives.WithNote(k.say, patience)
	return k
}

// within ends with ctx, and when a step that a build can do without has taken as
// long as it may: a store that gives a little now and then would keep it for
// ever without a failure.
func (k *keeping) within(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := k.cfg.Keep.CacheLimit
	return context.WithTimeoutCause(ctx, limit, core.Errorf(core.CodeUnavailable, "it took longer than %s", limit))
}

// say writes a line.
func (k *keeping) say(format string, args ...any) {
	err := k.out.Note(format+"\n", args...)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil {
		k.failed = err
	}
}

func (k *keeping) trouble() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failed
}

func (k *keeping) success() (outcome, error) {
	return outcome{status: core.StepSuccess}, k.trouble()
}

// fail ends the step with a reason, or with that of the job's end.
func (k *keeping) fail(ctx context.Context, format string, args ...any) (outcome, error) {
	if o, ok := stopped(ctx); ok {
		k.say("\n%s", o.reason)
		return o, k.trouble()
	}
	reason := fmt.Sprintf(format, args...)
	k.say("%s", reason)
	return outcome{status: core.StepFailed, reason: reason}, k.trouble()
}

// warn ends the step well although it did not do what it is for.
func (k *keeping) warn(ctx context.Context, format string, args ...any) (outcome, error) {
	if ctx.Err() != nil {
		return k.fail(ctx, format, args...)
	}
	k.say("Warning: "+format, args...)
	return k.success()
}

// progress says how far long work is, until the function that it returns is
// called.
func (k *keeping) progress(count *tree.Counter) (stop func()) {
	done := make(chan struct{})
	var working sync.WaitGroup
	began := time.Now()
	working.Go(func() {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				k.say("  %s", speed(count, time.Since(began)))
			}
		}
	})
	return func() { close(done); working.Wait() }
}

func speed(count *tree.Counter, took time.Duration) string {
	bytes := count.Bytes.Load()
	return fmt.Sprintf("%d files, %s, %s/s", count.Files.Load(), size(bytes), size(int64(float64(bytes)/max(took.Seconds(), 0.001))))
}

// size writes a number of bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
