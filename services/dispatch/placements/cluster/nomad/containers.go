// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
)

// containers reads out of the tasks' events what Nomad's docker driver tells of
// images and containers: neither digest nor size. The agent's own
// start may not have come to the servers when it asks for work; then the time
// until now is its pull.
func containers(states map[string]*api.TaskState, now time.Time) []core.Container {
	var list []core.Container
	for _, name := range slices.Sorted(maps.Keys(states)) {
		index, ok := indexOf(name)
		if !ok {
			continue
		}
		list = append(list, containerOf(index, states[name], now))
	}
	slices.SortFunc(list, func(a, b core.Container) int { return a.Index - b.Index })
	return list
}

// indexOf returns the place of a task's image in the job's list, by the names
// that the template gives.
func indexOf(task string) (int, bool) {
	if task == jobspec.AgentTask {
		return 0, true
	}
	index, err := strconv.Atoi(strings.TrimPrefix(task, "service-"))
	return index, err == nil && strings.HasPrefix(task, "service-")
}

func containerOf(index int, state *api.TaskState, now time.Time) core.Container {
	out := core.Container{Index: index}
	if !state.StartedAt.IsZero() {
		at := state.StartedAt
		out.StartedAt = &at
	}
	out.Present = out.StartedAt != nil
	for _, e := range state.Events {
		switch {
		case e.Type == api.TaskDriverMessage && strings.HasPrefix(first(e.DriverMessage, e.DisplayMessage, e.Message), "Downloading image"):
			until := now
			if out.StartedAt != nil {
				until = *out.StartedAt
			}
			out.Present, out.Image = false, e.Details["image"]
			out.Pulled = max(0, until.Sub(time.Unix(0, e.Time)))
		case e.Type == api.TaskTerminated:
			code := e.ExitCode
			if text, ok := e.Details["exit_code"]; ok {
				code, _ = strconv.Atoi(text) // 0 where it is no number
			}
			out.Exit = &code
		}
	}
	return out
}
