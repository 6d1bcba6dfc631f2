// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"cmp"
	"context"
	"fmt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// ending is how an attempt ends without its agent's word.
type ending struct {
	status    core.JobStatus
	reason    string
	retryable bool
}

// ending says how an attempt ends that next wants to end. What the user's
// config causes is not tried again: an image that cannot be pulled now cannot
// be pulled in a minute, and a job that needs more memory still will.
func (s *Service) ending(a *attempt) ending {
	switch {
	case !a.StopAt.IsZero():
		return ending{status: core.JobCanceled}
	case a.GoneAt.IsZero() && a.claimed():
		return ending{status: core.JobTimedOut, reason: fmt.Sprintf("the job ran longer than its limit of %s, and the agent on %s did not end it", a.limit(s.cfg), onNode(a))}
	case a.GoneAt.IsZero():
		return failure(true, "the agent on %s did not ask for its work within %s; check that this node reaches Muster's output service on port 8585", onNode(a), s.cfg.ClaimTimeout)
	}
	reason := cmp.Or(a.GoneReason, "no reason was given")
	switch a.GoneKind {
	case cluster.Image:
		return failure(false, "an image of the job cannot be pulled: %s", reason)
	case cluster.Memory:
		return failure(false, "%s", s.outOfMemory(a))
	case cluster.Lost:
		return failure(true, "%s was lost: %s", onNode(a), reason)
	case cluster.Start:
		return failure(true, "the job could not be started on %s: %s", onNode(a), reason)
	case cluster.Killed:
		return stoppedOutside(a, reason)
	}
	if a.claimed() {
		return failure(true, "the agent on %s ended without a result: %s", onNode(a), reason)
	}
	return failure(true, "the agent on %s ended before it had its work: %s", onNode(a), reason)
}

func failure(retryable bool, format string, args ...any) ending {
	return ending{status: core.JobInfrastructureFail, reason: fmt.Sprintf(format, args...), retryable: retryable}
}

// stoppedOutside is the end of an attempt that its cluster, and not Muster, wanted.
func stoppedOutside(a *attempt, reason string) ending {
	return failure(true, "the job was stopped from outside on %s: %s", onNode(a), reason)
}

// whyStopped asks the cluster whether it is itself that ends a run: its agent
// speaks sooner than the cluster's news, and knows of a signal only.
func (s *Service) whyStopped(ctx context.Context, id core.AttemptID) string {
	found, err := s.deps.Cluster.Find(ctx, id)
	if err != nil {
		return "" // then the agent's own words have to do
	}
	if found.State == cluster.Running || found.State == cluster.Ended && found.Kind == cluster.Killed {
		return found.Reason
	}
	return ""
}

// broken is the end of an attempt whose agent says that it could not go on: for
// reasons of its own, or because somebody ended it. Who that was is better known
// here.
func (c *change) broken(a *attempt, r core.AgentReport, stopped string) ending {
	limit := a.limit(c.cfg)
	switch {
	case !a.StopAt.IsZero():
		return ending{status: core.JobCanceled}
	case a.claimed() && c.now.After(a.ClaimedAt.Time().Add(limit+c.cfg.LimitSlack)):
		return ending{status: core.JobTimedOut, reason: fmt.Sprintf("the job ran longer than its limit of %s", limit)}
	case stopped != "":
		return stoppedOutside(a, stopped)
	default:
		return ending{status: r.Status, reason: r.Reason, retryable: true}
	}
}

func onNode(a *attempt) string {
	if a.Node == "" {
		return "its node"
	}
	return "node " + a.Node
}

func (s *Service) outOfMemory(a *attempt) string {
	class, err := s.deps.Classes.Lookup(a.Executor, a.ResourceClass)
	if err != nil {
		return "out of memory; choose a larger resource class"
	}
	return fmt.Sprintf("out of memory: the job used more than its %d MiB (resource class %s); choose a larger one", class.Memory, class.Name)
}
