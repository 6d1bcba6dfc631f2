// SPDX-License-Identifier: MPL-2.0

package scenario

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

// Run runs one scenario as a subtest. It is skipped only where the platform has
// no Docker.
func (p *Platform) Run(t *testing.T, s Scenario) {
	t.Run(s.Name, func(t *testing.T) {
		t.Parallel()
		if s.Verdict.Needs == "docker" && !p.Docker {
			t.Skip("this platform has no Docker engine; the scenario runs on the cluster")
		}
		if s.Verdict.Registry != nil {
			clustertest.NewRegistryAt(t, RegistryAddress, "", "", s.Verdict.Registry)
		}
		slug := p.Project(t, s.Name)
		for name, value := range s.Verdict.Variables {
			if _, err := p.Client.SetVariable(t.Context(), slug, api.Variable{Name: name, Value: value}); err != nil {
				t.Fatalf("setting %s: %v", name, err)
			}
		}
		if s.Verdict.Twice {
			first := p.AwaitEnd(t, p.Trigger(t, slug, s.Config))
			for name, tests := range s.Verdict.Tests {
				p.awaitTests(t, slug, first.Job(t, name), len(tests))
			}
		}
		id := p.trigger(t, slug, s)
		p.act(t, id, s.Verdict)
		end := p.AwaitEnd(t, id)
		if s.Verdict.Rerun {
			if s.Verdict.FailedTests {
				for name, tests := range s.Verdict.Tests {
					p.awaitTests(t, slug, end.Job(t, name), len(tests))
				}
			}
			end = p.rerun(t, id, end, s.Verdict.FailedTests)
		}
		p.check(t, end, s.Verdict)
		p.checkArtifacts(t, slug, end, s.Verdict.Artifacts)
		p.checkTests(t, slug, end, s.Verdict.Tests)
		p.checkUsage(t, end, s.Verdict.Usage)
	})
}

// act does what the scenario's person does while the pipeline runs.
func (p *Platform) act(t *testing.T, id string, v Verdict) {
	t.Helper()
	if v.Approve != "" {
		p.approve(t, p.awaitHold(t, id, v.Approve), v.Approve)
	}
	if v.CancelOn == "" {
		return
	}
	seen, name := p.awaitOutput(t, id, v.CancelOn)
	if err := p.Client.CancelJob(t.Context(), seen.Job(t, name).ID); err != nil {
		t.Fatalf("canceling: %v", err)
	}
}

// rerun runs the workflows of an ended pipeline again and waits for their ends.
func (p *Platform) rerun(t *testing.T, id string, ended State, failedTests bool) State {
	t.Helper()
	for _, w := range ended.Workflows {
		if _, err := p.Client.Rerun(t.Context(), w.ID, api.RerunRequest{FromFailed: true, FailedTests: failedTests}); err != nil {
			t.Fatalf("rerunning %s: %v", w.Name, err)
		}
	}
	return p.AwaitEnd(t, id)
}

// check compares an ended pipeline with its verdict.
func (p *Platform) check(t *testing.T, end State, v Verdict) {
	t.Helper()
	for _, w := range end.Workflows {
		if w.Status != v.Workflow {
			t.Errorf("workflow %s: got %s, want %s", w.Name, w.Status, v.Workflow)
		}
		if got, want := end.Runs[w.Name], max(v.Runs, 1); got != want {
			t.Errorf("workflow %s: ran %d times, want %d", w.Name, got, want)
		}
	}
	if v.Workflow != "" && len(end.Workflows) == 0 {
		t.Errorf("got no workflow, want one that is %s; errors: %+v", v.Workflow, end.Pipeline.Errors)
	}
	var errors strings.Builder
	for _, e := range end.Pipeline.Errors {
		errors.WriteString(e.Message + "\n")
	}
	for _, want := range v.Errors {
		if !strings.Contains(errors.String(), want) {
			t.Errorf("got errors %q, want one with %q", errors.String(), want)
		}
	}
	if v.Errors == nil && errors.Len() > 0 {
		t.Errorf("got errors %q, want none", errors.String())
	}
	for _, job := range end.Jobs {
		if want := v.Jobs[job.Name]; job.Status != want {
			t.Errorf("job %s: got %s (%s), want %s", job.Name, job.Status, job.Reason, want)
		}
	}
	if len(end.Jobs) != len(v.Jobs) {
		t.Errorf("got %d jobs, want %d", len(end.Jobs), len(v.Jobs))
	}
	for name, want := range v.Reasons {
		if got := end.Job(t, name).Reason; !strings.Contains(got, want) {
			t.Errorf("job %s: got the reason %q, want %q in it", name, got, want)
		}
	}
	p.checkOutput(t, end, v)
}

func (p *Platform) checkOutput(t *testing.T, end State, v Verdict) {
	t.Helper()
	for place, wants := range v.Output {
		name, step, _ := strings.Cut(place, "/")
		out, err := p.StepOutput(t.Context(), end.Job(t, name).ID, step)
		if err != nil {
			t.Errorf("reading the output of %s: %v", place, err)
		}
		rest := string(out)
		for _, want := range wants {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("output of %s: %q is missing (in this order) in\n%s", place, want, out)
				break
			}
			rest = after
		}
	}
	for _, job := range end.Jobs {
		p.checkAbsent(t, job, v.Absent)
	}
}

// checkAbsent looks through all that a job shows for what must not be there.
func (p *Platform) checkAbsent(t *testing.T, job api.WorkflowJob, absent []string) {
	t.Helper()
	if len(absent) == 0 || job.Type != "build" {
		return
	}
	steps, err := p.Client.JobSteps(t.Context(), job.ID)
	if err != nil {
		t.Fatalf("asking for the steps of %s: %v", job.Name, err)
	}
	for _, task := range steps.Tasks {
		for _, attempt := range task.Attempts {
			for _, step := range attempt.Steps {
				out, err := p.StepOutput(t.Context(), job.ID, step.Name)
				if err != nil {
					t.Fatalf("reading the output of %s/%s: %v", job.Name, step.Name, err)
				}
				for _, secret := range absent {
					if strings.Contains(step.Name+step.Command+step.Error+string(out), secret) {
						t.Errorf("%s/%s shows %q", job.Name, step.Name, secret)
					}
				}
			}
		}
	}
}
