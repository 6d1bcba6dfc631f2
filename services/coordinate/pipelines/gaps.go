// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"fmt"
	"strings"

	"github.com/muster-ci/muster/core"
)

// gap is something that a config may ask for and that nothing here can do yet.
// A pipeline that needs it ends as errored, since jobs that ran without it would
// do something else than the config says. Validating and processing a config
// know no gaps. Whoever closes one takes its line away.
type gap struct {
	// asked tells what of the gap a job asks for, "" when nothing.
	asked func(core.JobPlan) string
	way   string
}

// maxGaps is how many messages a pipeline gets.
const maxGaps = 50

// gaps are what jobs cannot have.
var gaps = []gap{
	{asked: func(j core.JobPlan) string { return named("context", j.Contexts) }, way: "set the variables in the project's settings, and remove context: where the workflow lists the job"},
	{asked: ofType(core.JobRelease, "a release"), way: "run the release's commands in a job with steps"},
	{asked: macOS, way: "use the docker or the machine executor"},
	{asked: unknownSteps, way: "remove the steps, or do what they do in a run step"},
}

// tolerated are what jobs may go without and still do the same.
var tolerated = []gap{
	{asked: layerCaching, way: "layers are built anew in each job"},
	{asked: func(j core.JobPlan) string { return either(j.IPRanges, "circleci_ip_ranges") }, way: "the job's addresses are those of the clients"},
}

// knownSteps are the kinds that the agent runs.
var knownSteps = map[core.StepKind]bool{
	core.StepRun: true, core.StepCheckout: true, core.StepSetupRemoteDocker: true,
	core.StepSaveCache: true, core.StepRestoreCache: true, core.StepPersistToWorkspace: true, core.StepAttachWorkspace: true,
	core.StepStoreArtifacts: true, core.StepStoreTestResults: true,
}

// findGaps returns what a plan needs and cannot have, and what it does without.
func findGaps(plan *core.Plan) (refused, warned []core.PipelineError) {
	for _, w := range plan.Workflows {
		refused, warned = jobGaps(w, gaps, refused), jobGaps(w, tolerated, warned)
	}
	for _, s := range plan.Schedules {
		warned = append(warned, gapError(fmt.Sprintf("The workflow '%s' waits for %s UTC, and Muster starts nothing by the clock yet", s.Workflow.Name, s.Cron),
			"start it from outside: trigger a pipeline through the API at that time, with a parameter that a when: of the workflow asks for"))
	}
	return atMost(refused), atMost(warned)
}

// jobGaps adds a message for each job and gap, a few more than are shown.
func jobGaps(w core.WorkflowPlan, among []gap, to []core.PipelineError) []core.PipelineError {
	for _, j := range w.Jobs {
		for _, g := range among {
			if asked := g.asked(j); asked != "" && len(to) <= maxGaps {
				to = append(to, gapError(fmt.Sprintf("Job '%s' of workflow '%s' asks for %s, which Muster cannot do yet", j.Name, w.Name, asked), g.way))
			}
		}
	}
	return to
}

func gapError(what, way string) core.PipelineError {
	return core.PipelineError{Type: errorPlan, Message: what + ".\n  " + way}
}

func atMost(list []core.PipelineError) []core.PipelineError {
	if len(list) <= maxGaps {
		return list
	}
	return append(list[:maxGaps:maxGaps], core.PipelineError{Type: errorPlan, Message: "and more of the same kind"})
}

func either(holds bool, text string) string {
	if holds {
		return text
	}
	return ""
}

func named(what string, names []string) string {
	return either(len(names) > 0, "the "+what+" "+strings.Join(names, ", "))
}

func ofType(t core.JobType, text string) func(core.JobPlan) string {
	return func(j core.JobPlan) string { return either(j.Type == t, text) }
}

func macOS(j core.JobPlan) string {
	return either(j.Executor.Kind == core.ExecutorMacOS, "the macos executor")
}

func layerCaching(j core.JobPlan) string {
	return either(j.Executor.LayerCaching, "docker_layer_caching")
}

// unknownSteps names each kind of step once.
func unknownSteps(j core.JobPlan) string {
	var kinds []string
	seen := map[core.StepKind]bool{}
	for _, s := range j.Steps {
		if !knownSteps[s.Kind] && !seen[s.Kind] {
			seen[s.Kind] = true
			kinds = append(kinds, string(s.Kind))
		}
	}
	return named("step", kinds)
}
