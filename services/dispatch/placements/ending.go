// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"cmp"
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
		return failure(true, "the job was stopped from outside: %s", reason)
	}
	if a.claimed() {
		return failure(true, "the agent on %s ended without a result: %s", onNode(a), reason)
	}
	return failure(true, "the agent on %s ended before it had its work: %s", onNode(a), reason)
}

func failure(retryable bool, format string, args ...any) ending {
	return ending{status: core.JobInfrastructureFail, reason: fmt.Sprintf(format, args...), retryable: retryable}
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
