// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway/follow"
)

func showUser(u core.User) api.User {
	return api.User{ID: string(u.ID), Login: u.Login, Name: u.Name, Admin: u.Admin}
}

func showToken(t core.Token) api.Token {
	return api.Token{ID: string(t.ID), Label: t.Label, CreatedAt: t.CreatedAt}
}

// vcsNames are CircleCI's names of the kinds of projects.
func vcsNames(vcs string) (kind, provider string) {
	switch vcs {
	case "gh":
		return "github", "GitHub"
	case "bb":
		return "bitbucket", "Bitbucket"
	default:
		return "circleci", "CircleCI"
	}
}

func showCollaboration(o core.Organization) api.Collaboration {
	kind, _ := vcsNames(o.VCS)
	return api.Collaboration{ID: string(o.ID), VCSType: kind, Name: o.Name, Slug: o.Slug()}
}

func showProject(p core.Project) api.Project {
	_, provider := vcsNames(p.Organization.VCS)
	return api.Project{
		Slug: p.Slug(), Name: p.Name, ID: string(p.ID),
		OrganizationName: p.Organization.Name, OrganizationSlug: p.Organization.Slug(), OrganizationID: string(p.Organization.ID),
		VCSInfo: api.VCSInfo{VCSURL: repositoryURL(p), Provider: provider, DefaultBranch: p.DefaultBranch},
	}
}

// repositoryURL is never empty, since clients of CircleCI expect one: a project
// without a repository is named in the form that CircleCI uses for its own.
func repositoryURL(p core.Project) string {
	if p.RepositoryURL != "" {
		return p.RepositoryURL
	}
	return "//circleci.com/" + string(p.Organization.ID) + "/" + string(p.ID)
}

func showBuildProject(p core.Project) api.BuildProject {
	kind, _ := vcsNames(p.Organization.VCS)
	return api.BuildProject{
		VCSType: kind, VCSURL: repositoryURL(p), Username: p.Organization.Name, Reponame: p.Name,
		DefaultBranch: p.DefaultBranch, Following: true, Branches: map[string]any{},
	}
}

func showPipeline(p core.Pipeline, project core.Project) api.Pipeline {
	_, provider := vcsNames(project.Organization.VCS)
	url := p.Source.RepositoryURL
	if url == "" {
		url = repositoryURL(project)
	}
	vcs := &api.PipelineVCS{
		ProviderName: provider, OriginRepositoryURL: url, TargetRepositoryURL: url,
		Revision: p.Source.Revision, Branch: p.Source.Branch, Tag: p.Source.Tag,
	}
	if p.Source.Subject != "" {
		vcs.Commit = &api.Commit{Subject: p.Source.Subject, Body: p.Source.Body}
	}
	return api.Pipeline{
		ID: string(p.ID), ProjectSlug: project.Slug(), Number: p.Number, State: string(p.State),
		Errors: showPipelineErrors(p.Errors), Warnings: showPipelineErrors(p.Warnings),
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, VCS: vcs, TriggerParameters: p.Parameters,
		Trigger: api.Trigger{Type: string(p.Trigger.Type), ReceivedAt: p.Trigger.ReceivedAt, Actor: api.Actor{Login: p.Trigger.Actor.Login}},
	}
}

func showPipelineErrors(errors []core.PipelineError) []api.PipelineError {
	shown := make([]api.PipelineError, 0, len(errors))
	for _, e := range errors {
		shown = append(shown, api.PipelineError{Type: e.Type, Message: e.Message})
	}
	return shown
}

func showWorkflow(w core.Workflow) api.Workflow {
	return api.Workflow{
		PipelineID: string(w.Pipeline), ID: string(w.ID), Name: w.Name, ProjectSlug: w.ProjectSlug, Status: string(w.Status),
		StartedBy: string(w.StartedBy), CanceledBy: string(w.CanceledBy), ErroredBy: w.ErroredBy,
		PipelineNumber: w.PipelineNumber, CreatedAt: w.CreatedAt, StoppedAt: w.StoppedAt,
		Tag: workflowTag(w), AutoRerun: w.AutoRerun, MaxAutoReruns: w.MaxAutoReruns, RerunOf: string(w.RerunOf),
	}
}

// workflowTag is CircleCI's mark of setup workflows.
func workflowTag(w core.Workflow) string {
	if w.Setup {
		return "setup"
	}
	return ""
}

func showWorkflowJob(j core.Job, slug string) api.WorkflowJob {
	dependencies := make([]string, 0, len(j.Dependencies))
	for _, id := range j.Dependencies {
		dependencies = append(dependencies, string(id))
	}
	return api.WorkflowJob{
		ID: string(j.ID), Name: j.Name, Type: string(j.Type), Status: string(j.Status), JobNumber: j.Number,
		Dependencies: dependencies, ProjectSlug: slug, ApprovalRequestID: j.ApprovalRequest,
		ApprovedBy: string(j.ApprovedBy), CanceledBy: string(j.CanceledBy),
		StartedAt: j.StartedAt, StoppedAt: j.StoppedAt, Reason: j.Reason, SSHEnabled: j.SSH != "",
		SerialGroup: j.SerialGroup, SerialHolder: showSerialClaim(j.SerialHolder),
	}
}

func showJob(j core.Job, project core.Project, workflow core.Workflow, url string, now time.Time) api.Job {
	runs := make([]api.ParallelRun, 0, len(j.Tasks))
	for _, task := range j.Tasks {
		runs = append(runs, api.ParallelRun{Index: task.Index, Status: string(task.Status)})
	}
	return api.Job{
		ID: string(j.ID), Name: j.Name, Number: j.Number, Status: string(j.Status),
		WebURL:         jobURL(j, project, url),
		Project:        api.JobProject{ID: string(project.ID), Slug: project.Slug(), Name: project.Name, ExternalURL: repositoryURL(project)},
		Organization:   api.ContextName{Name: project.Organization.Name},
		ParallelRuns:   runs,
		Parallelism:    max(j.Parallelism, 1),
		LatestWorkflow: api.Named{ID: string(j.Workflow), Name: workflow.Name},
		Pipeline:       api.Reference{ID: string(j.Pipeline)},
		Executor:       api.Executor{Type: string(j.Executor), ResourceClass: j.ResourceClass},
		Duration:       elapsed(j.StartedAt, j.StoppedAt, now),
		CreatedAt:      j.CreatedAt, QueuedAt: j.QueuedAt, StartedAt: j.StartedAt, StoppedAt: j.StoppedAt,
		Messages: jobMessages(j), Contexts: []api.ContextName{},
		SerialGroup: j.SerialGroup, SerialHolder: showSerialClaim(j.SerialHolder),
	}
}

// jobURL leads to the steps of a job until there is a page for people.
func jobURL(j core.Job, _ core.Project, url string) string {
	return url + own + "/jobs/" + string(j.ID) + "/steps"
}

// jobMessages are the remarks that CircleCI shows above a job.
func jobMessages(j core.Job) []api.JobMessage {
	messages := []api.JobMessage{}
	if j.Reason != "" {
		messages = append(messages, api.JobMessage{Type: "info", Message: j.Reason})
	}
	return messages
}

// elapsed is a duration in milliseconds, until now for what has not stopped.
func elapsed(started, stopped *time.Time, now time.Time) *int64 {
	if started == nil {
		return nil
	}
	if stopped != nil {
		now = *stopped
	}
	ms := max(now.Sub(*started).Milliseconds(), 0)
	return &ms
}

func showPlace(p follow.Place) api.Place {
	return api.Place{JobID: string(p.Job), TaskIndex: p.Index, AttemptID: string(p.Attempt), Attempt: p.Number}
}

func showStep(s core.Step) api.Step {
	return api.Step{
		Number: s.Number, Name: s.Name, Command: s.Command, Kind: s.Kind, Status: string(s.Status), ExitCode: s.ExitCode,
		Error: s.Error, StartedAt: s.StartedAt, StoppedAt: s.StoppedAt, Bytes: s.Bytes, Truncated: s.Truncated, Background: s.Background,
		Remote: s.Remote, Fingerprint: s.Fingerprint,
	}
}

func showJobSteps(j core.Job, attempts []core.AttemptSteps) api.JobSteps {
	shown := api.JobSteps{JobID: string(j.ID), Number: j.Number, Name: j.Name, Status: string(j.Status), Reason: j.Reason, SSHUser: string(j.SSH), Tasks: []api.TaskSteps{}}
	for _, task := range j.Tasks {
		t := api.TaskSteps{Index: task.Index, Status: string(task.Status), Reason: task.Reason, Attempts: []api.AttemptSteps{}}
		for _, a := range attempts {
			if a.Task != task.ID {
				continue
			}
			steps := make([]api.Step, 0, len(a.Steps))
			for _, step := range a.Steps {
				steps = append(steps, showStep(step))
			}
			t.Attempts = append(t.Attempts, api.AttemptSteps{ID: string(a.Attempt), Number: a.Number, Status: string(a.Status), Reason: a.Reason, Steps: steps})
		}
		shown.Tasks = append(shown.Tasks, t)
	}
	return shown
}
