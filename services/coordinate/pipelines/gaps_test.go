// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
)

type gapCase struct {
	plan *core.Plan
	want string // in the message
}

func TestGaps(t *testing.T) {
	t.Parallel()
	job := func(change func(*core.JobPlan)) *core.Plan {
		j := core.JobPlan{
			Name: "j", Type: core.JobBuild, Executor: core.Executor{Kind: core.ExecutorDocker, Images: []core.DockerImage{{Image: "cimg/base"}}},
			Steps: []core.StepPlan{{Kind: core.StepRun}, {Kind: core.StepCheckout}},
		}
		change(&j)
		return &core.Plan{Workflows: []core.WorkflowPlan{{Name: "w", Jobs: []core.JobPlan{j}}}}
	}
	type cases = map[string]gapCase
	refused := cases{
		"contexts": {job(func(j *core.JobPlan) { j.Contexts = []string{"a", "b"} }), "the context a, b"},
		"release":  {job(func(j *core.JobPlan) { j.Type = core.JobRelease }), "a release"},
		"macos":    {job(func(j *core.JobPlan) { j.Executor.Kind = core.ExecutorMacOS }), "macos"},
	}
	for _, kind := range []core.StepKind{
		core.StepAddSSHKeys, core.StepInstallSigningBundle,
	} {
		steps := []core.StepPlan{{Kind: kind}, {Kind: core.StepRun}, {Kind: kind}}
		refused[string(kind)] = gapCase{job(func(j *core.JobPlan) { j.Steps = steps }), "the step " + string(kind) + ","}
	}
	for name, c := range refused {
		errors, warnings := findGaps(c.plan)
		if len(errors) != 1 || len(warnings) != 0 || !strings.Contains(errors[0].Message, c.want) {
			t.Errorf("%s: got %v and %v", name, errors, warnings)
		}
	}
	for name, c := range (cases{
		"layers":    {job(func(j *core.JobPlan) { j.Executor.LayerCaching = true }), "docker_layer_caching"},
		"addresses": {job(func(j *core.JobPlan) { j.IPRanges = true }), "circleci_ip_ranges"},
		"schedule":  {&core.Plan{Schedules: []core.SchedulePlan{{Workflow: core.WorkflowPlan{Name: "nightly"}, Cron: "0 0 * * *"}}}, "'nightly' waits for 0 0 * * *"},
	}) {
		errors, warnings := findGaps(c.plan)
		if len(warnings) != 1 || len(errors) != 0 || !strings.Contains(warnings[0].Message, c.want) {
			t.Errorf("%s: got %v and %v", name, errors, warnings)
		}
	}
	plain := job(func(j *core.JobPlan) { j.Executor.Images[0].AWSAuth = &core.AWSAuth{OIDCRoleARN: "r"} })
	if errors, warnings := findGaps(plain); len(errors)+len(warnings) != 0 {
		t.Errorf("a plain job has gaps: %v %v", errors, warnings)
	}
}

func TestManyGapsAreCutShort(t *testing.T) {
	t.Parallel()
	w := core.WorkflowPlan{Name: "w"}
	for range 4000 {
		w.Jobs = append(w.Jobs, core.JobPlan{Name: "j", Type: core.JobRelease})
	}
	if errors, _ := findGaps(&core.Plan{Workflows: []core.WorkflowPlan{w}}); len(errors) != maxGaps+1 {
		t.Errorf("got %d messages", len(errors))
	}
}

// TestAPipelineWithAGapIsErrored: nothing of it runs.
func TestAPipelineWithAGapIsErrored(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	b.configs.change = func(p *core.Plan) { p.Workflows[0].Jobs[0].Contexts = []string{"prod"} }
	p := b.create(request("gap"))
	b.work()
	p = b.pipeline(p.ID)
	if p.State != core.PipelineErrored || len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, "Job 'build' of workflow 'w0' asks for the context prod") {
		t.Errorf("got %s with %v", p.State, p.Errors)
	}
	if len(b.workflows.created) != 0 {
		t.Error("workflows were created")
	}
}
