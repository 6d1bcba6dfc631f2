// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"slices"

	"github.com/muster-ci/muster/core"
)

// View is what is known of a subject at one moment. It is shared by all readers
// and never changed after it was published.
type View struct {
	// Pipeline is nil where one job is followed.
	Pipeline  *core.Pipeline
	Workflows []core.Workflow // oldest first
	Jobs      []JobView       // by workflow, then in the order of the config
	// Ended says that nothing in the view will change any more.
	Ended bool
}

// JobView is a job with what its tasks did.
type JobView struct {
	core.Job
	WorkflowName string
	Attempts     []core.AttemptSteps // by task index, then by number
	// Heads are first bytes of steps that came along with the news of them.
	Heads map[stepKey][]byte
	// Final says that the job has ended and that Attempts were read after that.
	Final bool
}

// bare is the view without heads, which are no state.
func (v *View) bare() *View {
	bare := *v
	bare.Jobs = slices.Clone(v.Jobs)
	for i := range bare.Jobs {
		bare.Jobs[i].Heads = nil
	}
	return &bare
}

// Status sums the view up in one word: errored, canceled, failed, success,
// not_run, or running while it has not ended.
//
// A setup pipeline has ended without result when its setup workflow has, and did
// not continue it.
//
// A rerun answers for the workflow that it repeats: only the newest run of each
// workflow counts.
func (v *View) Status() string {
	if v.Pipeline == nil {
		if len(v.Jobs) == 0 {
			return "running"
		}
		return string(v.Jobs[0].Status)
	}
	if v.Pipeline.State == core.PipelineErrored {
		return string(core.PipelineErrored)
	}
	if !v.Ended {
		return "running"
	}
	newest := map[string]core.WorkflowStatus{}
	for _, w := range v.Workflows {
		newest[w.Name] = w.Status
	}
	if len(newest) == 0 && v.Pipeline.Canceled {
		return string(core.WorkflowCanceled)
	}
	result := worst(newest)
	if v.Pipeline.State == core.PipelineSetup && result == string(core.WorkflowSuccess) {
		return string(core.WorkflowNotRun) // nobody gave the config that does the work
	}
	return result
}

// worst picks the status that a person must hear of first.
func worst(statuses map[string]core.WorkflowStatus) string {
	order := []core.WorkflowStatus{
		core.WorkflowError, core.WorkflowUnauthorized, core.WorkflowFailed, core.WorkflowCanceled, core.WorkflowSuccess,
	}
	for _, candidate := range order {
		for _, status := range statuses {
			if status == candidate {
				return string(status)
			}
		}
	}
	return string(core.WorkflowNotRun)
}
