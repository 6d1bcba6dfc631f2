// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/agent/checkout"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// activities returns the task's steps: the agent's own, then the plan's.
func (j *job) activities() []activity {
	all := []activity{
		{name: "Spin up environment", kind: "spin_up", run: j.spinUp},
		{name: "Preparing environment variables", kind: "environment", run: j.showEnvironment},
	}
	if len(j.task.Entrypoint) > 0 {
		all = append(all, j.entrypoint())
	}
	if j.task.Spec.SSH != nil {
		all = append(all, activity{name: "Enable SSH", kind: "enable_ssh", run: j.enableSSH})
	}
	for _, step := range j.task.Spec.Plan.Steps {
		all = append(all, j.planned(step))
	}
	return all
}

// planned turns a step of the plan into an activity. A kind that this agent
// does not know fails, with the way out.
func (j *job) planned(step core.StepPlan) activity {
	a := activity{name: step.Name, kind: string(step.Kind), when: step.When}
	switch {
	case step.Kind == core.StepRun && step.Run != nil:
		run := *step.Run
		a.command, a.when, a.background = run.Command, run.When, run.Background
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) { return j.command(ctx, run, out) }
		if run.Deploy {
			j.plannedDeploy(run, &a)
		}
	case step.Kind == core.StepCheckout && step.Checkout != nil:
		plan := *step.Checkout
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) { return j.checkout(ctx, plan, out) }
	case j.deps.Archives != nil && j.plannedArchive(step, &a):
	case step.Kind == core.StepSetupRemoteDocker && step.SetupRemoteDocker != nil:
		plan := *step.SetupRemoteDocker
		a.run = func(ctx context.Context, out *stream.StepWriter) (outcome, error) {
			return j.remoteDocker(ctx, plan, out)
		}
	default:
		a.run = refuse(fmt.Sprintf("This agent (%s) cannot run a step of kind %q; update muster-agent on the clients.", j.cfg.Version, step.Kind))
	}
	return a
}

// refuse fails a step with a reason for people.
func refuse(reason string) func(context.Context, *stream.StepWriter) (outcome, error) {
	return func(_ context.Context, out *stream.StepWriter) (outcome, error) {
		return outcome{status: core.StepFailed, reason: reason}, out.Note("%s\n", reason)
	}
}

// spinUp says where the job runs.
func (j *job) spinUp(_ context.Context, out *stream.StepWriter) (outcome, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "Build-agent version %s\n", j.cfg.Version)
	fmt.Fprintf(&text, "Host: %s\n", j.cfg.Host)
	fmt.Fprintf(&text, "System: %s\n", system())
	executor := j.task.Spec.Plan.Executor
	fmt.Fprintf(&text, "Executor: %s\n", j.task.Attempt.Executor)
	j.containers(&text)
	if executor.MachineImage != "" {
		fmt.Fprintf(&text, "Machine image: %s\n", executor.MachineImage)
	}
	if class := j.task.Attempt.ResourceClass; class != "" {
		fmt.Fprintf(&text, "Resource class: %s\n", class)
	}
	if j.task.Attempt.Number > 1 {
		fmt.Fprintf(&text, "Attempt: %d\n", j.task.Attempt.Number)
	}
	_, err := out.Write([]byte(text.String()))
	return outcome{status: core.StepSuccess}, err
}

func system() string {
	text := runtime.GOOS + "/" + runtime.GOARCH
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		text += ", kernel " + unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("%s, %d CPUs", text, runtime.NumCPU())
}

// showEnvironment makes the working directory and BASH_ENV, and lists what
// variables steps get: values of the built-in ones, names of the project's.
func (j *job) showEnvironment(ctx context.Context, out *stream.StepWriter) (outcome, error) {
	if reason := j.prepareFiles(); reason != "" {
		return outcome{status: core.StepFailed, reason: reason}, out.Note("%s\n", reason)
	}
	var text strings.Builder
	text.WriteString("Using build environment variables:\n")
	for _, v := range j.builtin.sorted() {
		fmt.Fprintf(&text, "  %s=%s\n", v.Name, v.Value)
	}
	if len(j.task.Secrets) > 0 {
		text.WriteString("\nUsing environment variables from project settings and/or contexts:\n")
		var project environment
		project.add(j.task.Secrets)
		for _, v := range project.sorted() {
			fmt.Fprintf(&text, "  %s=**REDACTED**\n", v.Name)
		}
	}
	if j.mute != nil {
		fmt.Fprintf(&text, "\nThe commands circleci and circleci-agent will not work in this job: %v.\n", j.mute)
	}
	text.WriteString(j.addTokens(ctx))
	_, err := out.Write([]byte(text.String()))
	return outcome{status: core.StepSuccess}, err
}

// prepareFiles returns what stands in the way, for people.
func (j *job) prepareFiles() string {
	if err := os.MkdirAll(j.directory, 0o755); err != nil {
		return fmt.Sprintf("The working directory cannot be made: %v.", err)
	}
	path := j.base.get("BASH_ENV")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Sprintf("The file of BASH_ENV cannot be made: %v.", nameDisk(err, ""))
	}
	if err := errors.Join(j.keepCommands(file), file.Close()); err != nil {
		return fmt.Sprintf("The file of BASH_ENV cannot be written: %v.", err)
	}
	return ""
}

func (j *job) checkout(ctx context.Context, plan core.CheckoutStep, out *stream.StepWriter) (outcome, error) {
	watched, ctx, done := j.watch(ctx, 0, out)
	defer done()
	err := checkout.Run(ctx, checkout.Request{
		Source:    j.task.Spec.Pipeline.Source,
		Step:      plan,
		Path:      j.path(plan.Path, j.directory),
		Env:       j.base.list(),
		Out:       watched,
		Bundle:    j.deps.Source,
		TempDir:   j.temp,
		Processes: j.deps.Processes,
		Grace:     j.cfg.Grace,
	})
	if err == nil {
		return outcome{status: core.StepSuccess}, nil
	}
	if o, ok := stopped(ctx); ok {
		return o, o.note(out)
	}
	reason := "Checkout failed: " + err.Error()
	return outcome{status: core.StepFailed, reason: reason}, out.Note("\n%s\n", reason)
}
