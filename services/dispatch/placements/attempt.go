// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// The states of an attempt.
//
//	                     Claim binds allocation and nonce,
//	                     agent says running, allocation seen
//	                              ┌────┐
//	Place ──► new ──Submit──► submitted ──► ended ──Stop──► purged
//	           │                            ▲  ▲
//	           └─ stop asked, refused ──────┘  │
//	StopAttempts of an unknown id ─────────────┘
//
// submitted becomes ended through, whichever is first,
//
//	the agent's final word                           as it says
//	a wish to stop, and the agent gone, or StopGrace canceled
//	the allocation's end and AgentGrace              infrastructure_fail
//	running for ClaimTimeout without a claim         infrastructure_fail
//	claimed for its limit and LimitSlack             timedout
const (
	stateNew       = "new"
	stateSubmitted = "submitted"
	stateEnded     = "ended"
)

// attempt is a row of attempts.
type attempt struct {
	bun.BaseModel `bun:"table:attempts,alias:a"`
	work.Item

	Task          core.TaskID       `bun:"task"` // "" for one that was stopped before it was placed
	Number        int               `bun:"number"`
	Executor      core.ExecutorKind `bun:"executor"`
	ResourceClass string            `bun:"resource_class"`

	State      string         `bun:"state"`
	Allocation string         `bun:"allocation"`
	Node       string         `bun:"node"`
	Waits      string         `bun:"waits"`   // why it is not placed yet
	Nonce      string         `bun:"nonce"`   // of the agent that claimed
	Running    bool           `bun:"running"` // the agent said so
	Purged     bool           `bun:"purged"`  // the cluster has forgotten it
	Status     core.JobStatus `bun:"status"`  // final, "" until then
	Reason     string         `bun:"reason"`
	GoneKind   cluster.Kind   `bun:"gone_kind"`
	GoneReason string         `bun:"gone_reason"`
	// Limit is how long the attempt may run, in microseconds; 0 for one that was
	// claimed before limits were kept.
	Limit int64 `bun:"time_limit"`

	SubmittedAt store.Time `bun:"submitted_at,type:bigint"`
	StartedAt   store.Time `bun:"started_at,type:bigint"` // the allocation was seen running
	ClaimedAt   store.Time `bun:"claimed_at,type:bigint"`
	StopAt      store.Time `bun:"stop_at,type:bigint"` // a stop was asked for
	GoneAt      store.Time `bun:"gone_at,type:bigint"` // the allocation was seen to have ended
	EndedAt     store.Time `bun:"ended_at,type:bigint"`
}

func (a *attempt) id() core.AttemptID { return core.AttemptID(a.ID) }

func (a *attempt) noun() core.Attempt {
	return core.Attempt{ID: a.id(), Task: a.Task, Number: a.Number, Executor: a.Executor, ResourceClass: a.ResourceClass}
}

func (a *attempt) claimed() bool { return a.Nonce != "" }

// step is what is to be done for an attempt.
type step int

const (
	stepWait   step = iota // nothing, until the time that goes with it if there is one
	stepSubmit             // start it
	stepEnd                // end it, the cluster has nothing to do any more
	stepStop               // stop it on the cluster, then end it
	stepPurge              // it has ended: remove what is left of it
)

// limit is how long the attempt may run.
func (a *attempt) limit(cfg Config) time.Duration {
	if a.Limit == 0 {
		return cfg.TimeLimit
	}
	return time.Duration(a.Limit) * time.Microsecond
}

// next says what is to be done at now, or until when nothing is (zero: until
// there is news). What ends a build that runs does not count time that the clock
// has leapt over.
func (a *attempt) next(cfg Config, now time.Time, leapt *jumps) (step, time.Time) {
	switch {
	case a.State == stateEnded:
		return a.nextEnded(cfg, now)
	case a.State == stateNew && !a.StopAt.IsZero() && !a.claimed():
		return stepStop, time.Time{}
	case a.State == stateNew:
		return stepSubmit, time.Time{}
	case !a.GoneAt.IsZero():
		return after(stepEnd, a.GoneAt, a.grace(cfg.AgentGrace), now)
	case !a.StopAt.IsZero():
		return after(stepStop, a.StopAt, a.grace(cfg.StopGrace), now)
	case a.claimed():
		return after(stepStop, a.ClaimedAt, a.limit(cfg)+cfg.LimitSlack+leapt.since(a.ClaimedAt.Time()), now)
	case !a.StartedAt.IsZero():
		return after(stepStop, a.StartedAt, cfg.ClaimTimeout+leapt.since(a.StartedAt.Time()), now)
	default:
		return stepWait, time.Time{}
	}
}

func (a *attempt) nextEnded(cfg Config, now time.Time) (step, time.Time) {
	switch {
	case a.Purged:
		return stepWait, time.Time{}
	case !a.GoneAt.IsZero():
		return stepPurge, time.Time{}
	default:
		return after(stepPurge, a.EndedAt, a.grace(cfg.PurgeDelay), now)
	}
}

// grace is for agents that have their work; others have nothing to say.
func (a *attempt) grace(d time.Duration) time.Duration {
	if a.claimed() {
		return d
	}
	return 0
}

func after(s step, from store.Time, wait time.Duration, now time.Time) (step, time.Time) {
	if at := from.Time().Add(wait); now.Before(at) {
		return stepWait, at
	}
	return s, time.Time{}
}
