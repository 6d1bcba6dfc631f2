// SPDX-License-Identifier: MPL-2.0

package scenario

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
)

// Platform is a Muster under test.
type Platform struct {
	Client *client.Client
	// Docker says whether it can run the docker executor.
	Docker bool
	// Patience is how long one pipeline may take.
	Patience time.Duration
}

// Project makes a project of its own for a test and returns its slug.
func (p *Platform) Project(t testing.TB, name string) string {
	t.Helper()
	slug := "gh/e2e/" + strings.ReplaceAll(name, "_", "-") + fmt.Sprintf("-%d", time.Now().UnixNano()%1_000_000)
	if _, err := p.Client.CreateProject(t.Context(), slug, api.NewProject{DefaultBranch: "main"}); err != nil {
		t.Fatalf("creating the project: %v", err)
	}
	return slug
}

// Trigger starts a pipeline with a config and returns its id.
func (p *Platform) Trigger(t testing.TB, slug, config string) string {
	t.Helper()
	return p.TriggerOn(t, slug, config, "main")
}

// TriggerOn starts a pipeline of a branch.
func (p *Platform) TriggerOn(t testing.TB, slug, config, branch string) string {
	t.Helper()
	triggered, err := p.Client.Trigger(t.Context(), slug, api.TriggerRequest{Config: config, Branch: branch}, "")
	if err != nil {
		t.Fatalf("triggering: %v", err)
	}
	return triggered.ID
}

// State is a pipeline with its workflows' jobs at one moment. Of a workflow that
// was rerun, by itself or by somebody, the last run stands for all.
type State struct {
	Pipeline  api.Pipeline
	Workflows []api.Workflow
	Jobs      []api.WorkflowJob
	Runs      map[string]int // by name of the workflow
}

// Job returns a job by name; the test fails when it is not there.
func (s State) Job(t testing.TB, name string) api.WorkflowJob {
	t.Helper()
	for _, job := range s.Jobs {
		if job.Name == name {
			return job
		}
	}
	t.Fatalf("there is no job %q among %d", name, len(s.Jobs))
	return api.WorkflowJob{}
}

// ended tells whether nothing will happen any more.
func (s State) ended() bool {
	if s.Pipeline.State == "errored" {
		return true
	}
	if s.Pipeline.State != "created" {
		return false
	}
	for _, w := range s.Workflows {
		switch w.Status {
		case "running", "failing", "on_hold":
			return false
		}
	}
	return true
}

// Look asks for a pipeline's state.
func (p *Platform) Look(ctx context.Context, id string) (State, error) {
	var s State
	var err error
	if s.Pipeline, err = p.Client.Pipeline(ctx, id); err != nil {
		return s, err
	}
	all, err := p.Client.PipelineWorkflows(ctx, id)
	if err != nil {
		return s, err
	}
	s.Runs = map[string]int{}
	for _, w := range all { // newest first
		if s.Runs[w.Name]++; s.Runs[w.Name] > 1 {
			continue
		}
		s.Workflows = append(s.Workflows, w)
		jobs, err := p.Client.WorkflowJobs(ctx, w.ID)
		if err != nil {
			return s, err
		}
		s.Jobs = append(s.Jobs, jobs...)
	}
	return s, nil
}

// Await asks until done says yes. Answers that fail are asked for again: parts
// of the platform may be down on purpose.
func (p *Platform) Await(t testing.TB, id, what string, done func(State) bool) State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), p.Patience)
	defer cancel()
	var last State
	var lastErr error
	for {
		s, err := p.Look(ctx, id)
		if err == nil {
			if last, lastErr = s, nil; done(s) {
				return s
			}
		} else if ctx.Err() == nil {
			lastErr = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting %s until %s; the last answer: %+v, %v", p.Patience, what, last, lastErr)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// AwaitEnd waits until the pipeline and all its workflows have ended.
func (p *Platform) AwaitEnd(t testing.TB, id string) State {
	t.Helper()
	return p.Await(t, id, "the pipeline ends", State.ended)
}

// StepOutput returns the bytes of a step of the last attempt of a job's first
// task, nil while there is no such step.
func (p *Platform) StepOutput(ctx context.Context, job, step string) ([]byte, error) {
	steps, err := p.Client.JobSteps(ctx, job)
	if err != nil || len(steps.Tasks) == 0 || len(steps.Tasks[0].Attempts) == 0 {
		return nil, err
	}
	attempts := steps.Tasks[0].Attempts
	last := attempts[len(attempts)-1]
	for _, s := range last.Steps {
		if s.Name != step {
			continue
		}
		body, err := p.Client.Output(ctx, job, 0, s.Number, last.Number)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		return io.ReadAll(body)
	}
	return nil, nil
}
