// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// fromStub says what an allocation means for its attempt.
//
//	a task could not be set up or started      ended, whatever Nomad hopes for
//	client status lost                         ended
//	client status failed or complete           ended
//	the agent's task runs and every other one
//	has been started                           running
//	anything else, "unknown" for a node that
//	is not heard of among it                   as it was: pending or running
//
// The first line is needed because a service container whose image cannot be
// had is, to Nomad, a task to start again in a day.
func fromStub(a *api.AllocationListStub) cluster.Allocation {
	out := cluster.Allocation{
		Attempt: core.AttemptID(a.JobID), ID: a.ID, Node: a.NodeName,
		State: cluster.Pending, Created: time.Unix(0, a.CreateTime),
	}
	if out.Node == "" {
		out.Node = a.NodeID
	}
	agent := a.TaskStates[jobspec.AgentTask]
	stopped := a.DesiredStatus != "" && a.DesiredStatus != api.AllocDesiredStatusRun
	if agent != nil && agent.State == "running" && started(a.TaskStates) {
		out.State = cluster.Running
		if stopped {
			out.Reason = whyStopped(a)
		}
	}
	kind, reason := failure(a.TaskStates)
	terminal := a.ClientStatus == api.AllocClientStatusComplete || a.ClientStatus == api.AllocClientStatusFailed
	switch {
	case kind == cluster.Image || kind == cluster.Start:
		out.State, out.Kind, out.Reason = cluster.Ended, kind, reason
	case a.ClientStatus == api.AllocClientStatusLost:
		// The servers' word: the client's is the last that was heard of it.
		out.State, out.Kind, out.Reason = cluster.Ended, cluster.Lost, first(a.DesiredDescription, a.ClientDescription, "Nomad lost the allocation")
	case terminal && kind != cluster.None:
		out.State, out.Kind, out.Reason = cluster.Ended, kind, reason
	case terminal && stopped:
		out.State, out.Kind, out.Reason = cluster.Ended, cluster.Killed, whyStopped(a)
	case terminal:
		out.State, out.Reason = cluster.Ended, first(exit(agent), a.ClientDescription, "the allocation is "+a.ClientStatus)
	}
	return out
}

// migrating is what Nomad says of an allocation that has to leave its client.
const migrating = "alloc is being migrated"

// whyStopped puts Nomad's reason for the end of an allocation, which is none of
// Muster's, so that one need not know Nomad.
func whyStopped(a *api.AllocationListStub) string {
	if a.DesiredDescription == migrating {
		return migrating + " (its client is being drained, or somebody stopped the allocation)"
	}
	return first(a.DesiredDescription, "Nomad stopped the allocation")
}

// started tells whether each task has been started, whatever became of it: a
// service that has ended is no reason to wait.
func started(states map[string]*api.TaskState) bool {
	for _, state := range states {
		if state.StartedAt.IsZero() {
			return false
		}
	}
	return true
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// failure finds the event that tells why tasks could not run, the agent's
// first. Memory counts for the agent's container alone: a service that was
// killed does not end the job.
func failure(states map[string]*api.TaskState) (cluster.Kind, string) {
	names := slices.Sorted(maps.Keys(states))
	slices.SortStableFunc(names, func(a, b string) int { return rankOf(a) - rankOf(b) })
	for _, name := range names {
		for _, e := range states[name].Events {
			switch e.Type {
			case api.TaskDriverFailure:
				text := first(e.Details["driver_error"], e.DriverError, e.DisplayMessage, e.Message)
				if isPull(text) {
					return cluster.Image, text
				}
				return cluster.Start, text
			case api.TaskSetupFailure, api.TaskArtifactDownloadFailed, api.TaskFailedValidation:
				return cluster.Start, first(e.DisplayMessage, e.Message, e.Type)
			case api.TaskTerminated:
				if name == jobspec.AgentTask && e.Details["oom_killed"] == "true" {
					return cluster.Memory, first(e.DisplayMessage, "OOM Killed")
				}
			}
		}
	}
	return cluster.None, ""
}

func rankOf(task string) int {
	if task == jobspec.AgentTask {
		return 0
	}
	return 1
}

// isPull recognizes the docker driver's ways to say that there is no image.
func isPull(text string) bool {
	lower := strings.ToLower(text)
	for _, sign := range []string{
		"failed to pull", "failed to parse image", "invalid reference format", "manifest unknown", "manifest for",
		"pull access denied", "repository name must be", "no such image", "failed to find docker auth", "image pull", "image_pull_timeout",
	} {
		if strings.Contains(lower, sign) {
			return true
		}
	}
	return false
}

// exit tells how the agent's process ended.
func exit(agent *api.TaskState) string {
	if agent == nil {
		return ""
	}
	for _, e := range slices.Backward(agent.Events) {
		if e.Type == api.TaskTerminated {
			return "the agent ended: " + first(e.DisplayMessage, fmt.Sprintf("exit code %d", e.ExitCode))
		}
	}
	return ""
}

// placementFailure words an evaluation that is blocked as Nomad's CLI does.
func placementFailure(e *api.Evaluation) string {
	var parts []string
	for _, group := range slices.Sorted(maps.Keys(e.FailedTGAllocs)) {
		parts = append(parts, metric(e.FailedTGAllocs[group])...)
	}
	if e.QuotaLimitReached != "" {
		parts = append(parts, fmt.Sprintf("quota limit reached: %s", e.QuotaLimitReached))
	}
	if len(parts) == 0 {
		return "Nomad cannot place it: " + first(e.StatusDescription, "it waits for resources")
	}
	return "Nomad cannot place it: " + strings.Join(parts, "; ")
}

func metric(m *api.AllocationMetric) []string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if m.NodesEvaluated == 0 {
		add("no nodes were eligible for evaluation")
	}
	for _, dc := range slices.Sorted(maps.Keys(m.NodesAvailable)) {
		if m.NodesAvailable[dc] == 0 {
			add("no nodes are available in datacenter %q", dc)
		}
	}
	each := func(format string, counts map[string]int) {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			add(format, name, counts[name])
		}
	}
	each("class %q: %d nodes excluded by filter", m.ClassFiltered)
	each("constraint %q: %d nodes excluded by filter", m.ConstraintFiltered)
	if m.NodesExhausted > 0 {
		add("resources exhausted on %d nodes", m.NodesExhausted)
	}
	each("class %q exhausted on %d nodes", m.ClassExhausted)
	each("dimension %q exhausted on %d nodes", m.DimensionExhausted)
	for _, name := range m.QuotaExhausted {
		add("quota limit hit %q", name)
	}
	return parts
}
