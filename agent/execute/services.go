// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// servicesEvery is how often a job with service containers asks how they fare,
// and servicesFor how long its end waits for the last answer.
const (
	servicesEvery = 10 * time.Second
	servicesFor   = 2 * time.Second
)

// watchServices tells of service containers that end while the steps run, until
// the function that it returns is called; that asks once more, since a step may
// have failed for the want of one. The job goes on without them, as it does on
// CircleCI.
func (j *job) watchServices(ctx context.Context) (stop func()) {
	images := j.task.Spec.Plan.Executor.Images
	if j.deps.Services == nil || len(images) < 2 {
		return func() {}
	}
	told := map[int]bool{}
	for _, c := range j.task.Containers {
		if c.Index > 0 && c.Exit != nil {
			told[c.Index] = true // in "Spin up environment"
		}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(servicesEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				j.askServices(ctx, told)
				return
			case <-ticker.C:
				if !j.askServices(ctx, told) {
					return
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// askServices tells of those that have ended since the last time. It returns
// whether there is more to come.
func (j *job) askServices(ctx context.Context, told map[int]bool) bool {
	images := j.task.Spec.Plan.Executor.Images
	if len(told) == len(images)-1 || ctx.Err() != nil {
		return false
	}
	call, cancel := context.WithTimeout(ctx, servicesFor)
	defer cancel()
	containers, err := j.deps.Services(call)
	if err != nil {
		if code := core.ErrorCode(err); code == core.CodeNotFound || code == core.CodeForbidden {
			return false // this platform does not tell, or not any more
		}
		j.deps.Logger.Debug("it is not known how the service containers fare", "error", err)
		return true
	}
	for _, c := range containers {
		if c.Index < 1 || c.Index >= len(images) || c.Exit == nil || told[c.Index] {
			continue
		}
		told[c.Index] = true
		if _, err := j.perform(ctx, serviceEnded(images[c.Index], c)); err != nil {
			j.deps.Logger.Warn("the end of a service container cannot be told", "error", err)
			return false
		}
	}
	return len(told) < len(images)-1
}

// serviceEnded is the step that stands for the end of a service container.
func serviceEnded(image core.DockerImage, c core.Container) activity {
	return activity{name: "Service container " + cmp.Or(image.Name, image.Image), kind: "service", background: true,
		run: func(_ context.Context, out *stream.StepWriter) (outcome, error) {
			o := outcome{status: core.StepSuccess, exit: c.Exit}
			if *c.Exit != 0 {
				o.status = core.StepFailed
			}
			return o, writeEnd(out, image.Image, c)
		}}
}

func writeEnd(out io.Writer, image string, c core.Container) error {
	_, err := fmt.Fprintf(out, "The service container of %s ended with exit status %d while the job ran%s\nThe job goes on without it.\n",
		image, *c.Exit, lastWords(c.Output))
	return err
}
