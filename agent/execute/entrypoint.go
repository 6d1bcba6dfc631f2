// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"fmt"
	"strings"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// entrypoint is the step of what the primary container would run if the agent
// had not taken its place. It runs beside the others until the job ends; when
// it fails before that, the steps cannot count on it, and the job fails.
func (j *job) entrypoint() activity {
	words := j.task.Entrypoint
	return activity{name: "Container entrypoint", kind: "entrypoint", command: strings.Join(words, " "), background: true,
		run: func(ctx context.Context, out *stream.StepWriter) (outcome, error) {
			o, err := j.runEntrypoint(ctx, words, out)
			if err == nil && o.status == core.StepFailed {
				j.interrupt(&Interruption{Status: core.JobFailed, Reason: o.reason})
			}
			return o, err
		}}
}

func (j *job) runEntrypoint(ctx context.Context, words []string, out *stream.StepWriter) (outcome, error) {
	env := j.image
	p, err := j.deps.Processes.Start(process.Command{Args: words, Dir: "/", Env: env.list(), Out: out})
	if err != nil {
		reason := fmt.Sprintf("The entrypoint of the primary container cannot be started: %v. Choose another with the key entrypoint, or leave it out.", err)
		return outcome{status: core.StepFailed, reason: reason}, out.Note("%s\n", reason)
	}
	code, err := waitOrStop(ctx, p, j.cfg.Grace)
	if err != nil {
		return outcome{}, err
	}
	if o, ok := stopped(ctx); ok {
		return o, nil
	}
	if code == 0 {
		return outcome{status: core.StepSuccess, exit: &code}, out.Note("\nThe entrypoint has ended; the steps go on without it.\n")
	}
	reason := fmt.Sprintf("The entrypoint of the primary container ended with exit status %d.", code)
	return outcome{status: core.StepFailed, exit: &code, reason: reason}, out.Note("\n%s\n", reason)
}
