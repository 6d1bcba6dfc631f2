// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"cmp"
	"fmt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// buildParts is everything that API v1.1 shows of a job at once.
type buildParts struct {
	job      core.Job
	project  core.Project
	workflow core.Workflow
	pipeline core.Pipeline
	attempts []core.AttemptSteps
	url      string
}

func showBuild(p buildParts) api.Build {
	kind, _ := vcsNames(p.project.Organization.VCS)
	j, source := p.job, p.pipeline.Source
	b := api.Build{
		VCSURL: repositoryURL(p.project), VCSType: kind, VCSRevision: source.Revision,
		Branch: optional(source.Branch), VCSTag: optional(source.Tag),
		Subject: source.Subject, Body: source.Body, CommitterName: source.Author,
		BuildURL: jobURL(j, p.project, p.url), BuildNum: j.Number,
		Username: p.project.Organization.Name, Reponame: p.project.Name,
		Why: string(p.pipeline.Trigger.Type), Platform: "2.0",
		Parallel: max(j.Parallelism, 1), QueuedAt: j.QueuedAt, StartTime: j.StartedAt, StopTime: j.StoppedAt,
		Workflows: api.BuildWorkflow{
			JobName: j.Name, JobID: string(j.ID), WorkflowID: string(j.Workflow), WorkflowName: p.workflow.Name,
			WorkspaceID: string(cmp.Or(p.workflow.Workspace, j.Workflow)),
		},
		Messages: jobMessages(j), Steps: buildSteps(p),
		User:   api.Actor{Login: p.pipeline.Trigger.Actor.Login},
		Picard: api.BuildResources{Executor: string(j.Executor), ResourceClass: api.ContextName{Name: j.ResourceClass}},
	}
	if j.StoppedAt != nil {
		b.BuildTimeMillis = elapsed(j.StartedAt, j.StoppedAt, *j.StoppedAt)
	}
	setOutcome(&b, j.Status)
	return b
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// setOutcome splits a status of v2 into the fields of v1.1.
func setOutcome(b *api.Build, status core.JobStatus) {
	b.Status = string(status)
	b.Canceled, b.TimedOut = status == core.JobCanceled, status == core.JobTimedOut
	b.InfrastructFail = status == core.JobInfrastructureFail
	switch {
	case status == core.JobNotRun || status == core.JobUnauthorized:
		b.Lifecycle = "not_run"
	case status.Ended():
		outcome, failed := string(status), status != core.JobSuccess && status != core.JobCanceled
		b.Lifecycle, b.Outcome, b.Failed = "finished", &outcome, &failed
	case status == core.JobRunning:
		b.Lifecycle = "running"
	case status == core.JobQueued:
		b.Lifecycle = "queued"
	default:
		b.Lifecycle, b.Status = "not_running", "not_running"
	}
}

// buildSteps turns the latest attempt of each task into steps with one action
// per task, as v1.1 groups them.
func buildSteps(p buildParts) []api.BuildStep {
	steps := []api.BuildStep{}
	for _, task := range p.job.Tasks {
		latest := core.AttemptSteps{Number: -1}
		for _, a := range p.attempts {
			if a.Task == task.ID && a.Number > latest.Number {
				latest = a
			}
		}
		for i, step := range latest.Steps {
			if i == len(steps) {
				steps = append(steps, api.BuildStep{Name: step.Name, Actions: []api.BuildAction{}})
			}
			steps[i].Actions = append(steps[i].Actions, buildAction(p, task, latest, step))
		}
	}
	return steps
}

func buildAction(p buildParts, task core.Task, attempt core.AttemptSteps, step core.Step) api.BuildAction {
	a := api.BuildAction{
		Index: task.Index, Step: step.Number, Name: step.Name, Type: step.Kind, Status: string(step.Status),
		ExitCode: step.ExitCode, BashCommand: optional(step.Command), StartTime: step.StartedAt, EndTime: step.StoppedAt,
		HasOutput: step.Bytes > 0, Truncated: step.Truncated, Background: step.Background, Parallel: len(p.job.Tasks) > 1,
	}
	if step.StoppedAt != nil {
		a.RunTimeMillis = elapsed(&step.StartedAt, step.StoppedAt, *step.StoppedAt)
		a.Failed, a.Canceled = truth(step.Status == core.StepFailed), truth(step.Status == core.StepCanceled)
		a.TimedOut, a.InfraFail = truth(step.Status == core.StepTimedOut), truth(step.Status == core.StepLost)
	}
	if a.HasOutput {
		a.OutputURL = fmt.Sprintf("%s%s/jobs/%s/tasks/%d/steps/%d/output?attempt=%d", p.url, own, p.job.ID, task.Index, step.Number, attempt.Number)
	}
	return a
}

// truth is nil for false: v1.1 says null where something did not happen.
func truth(b bool) *bool {
	if !b {
		return nil
	}
	return &b
}
