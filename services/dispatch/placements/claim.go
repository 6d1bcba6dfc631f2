// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// errServices refuses a claim that comes before the service containers: the
// steps may expect them. The agent asks again.
var errServices = core.Errorf(core.CodeUnavailable, "the job's service containers are still being started")

// Claim implements core.Placements. That an allocation may have the work of an
// attempt is for the cluster to say, not for the claim: an identity that names
// the attempt and another allocation is refused.
func (s *Service) Claim(ctx context.Context, c core.Claim) (core.ClaimedTask, error) {
	if c.Allocation == "" || c.Nonce == "" || len(c.Nonce) > 128 || len(c.Allocation) > 128 {
		return core.ClaimedTask{}, core.Errorf(core.CodeInvalid, "a claim needs an allocation and a nonce")
	}
	known, err := s.knownAllocation(ctx, c.Attempt)
	if err != nil {
		return core.ClaimedTask{}, err
	}
	task, err := s.claim(ctx, c, known)
	if errors.Is(err, errServices) {
		// The news may be late or lost; the cluster itself knows.
		if known, err = s.find(ctx, c.Attempt); err != nil {
			return core.ClaimedTask{}, err
		}
		task, err = s.claim(ctx, c, known)
	}
	if err != nil {
		return core.ClaimedTask{}, err
	}
	if err := s.admit(ctx, task.Spec.SSH); err != nil {
		return core.ClaimedTask{}, err
	}
	tell := s.describe(ctx, task.Attempt)
	task.Secrets, err = s.secrets(ctx, task.Spec)
	tell(&task)
	if err != nil {
		return core.ClaimedTask{}, err
	}
	return task, nil
}

// claim binds the attempt in one transaction and returns its work without the
// secrets.
func (s *Service) claim(ctx context.Context, c core.Claim, known cluster.Allocation) (core.ClaimedTask, error) {
	var a *attempt
	var sp spec
	err := s.update(ctx, []core.AttemptID{c.Attempt}, func(ctx context.Context, tx bun.Tx, ch *change) error {
		if a = ch.rows[c.Attempt]; a == nil {
			return unknownAttempt(c.Attempt)
		}
		ready := a.claimed() || !a.StartedAt.IsZero() || known.State == cluster.Running
		if err := ch.bind(a, c, known.ID); err != nil {
			return err
		}
		if c.Unfit != "" {
			ch.end(a, failure(true, "%s cannot run the job: %s", onNode(a), c.Unfit), ch.now, false)
			return nil
		}
		sp = spec{}
		if err := tx.NewSelect().Model(&sp).Where("id = ?", a.ID).Scan(ctx); err != nil {
			return fmt.Errorf("reading the spec: %w", err)
		}
		if len(sp.Spec.V.Plan.Executor.Images) > 1 && !ready {
			return errServices
		}
		ch.bound(a, sp.Spec.V.Pipeline.Project.TimeLimit(s.cfg.TimeLimit))
		return nil
	})
	if err != nil {
		return core.ClaimedTask{}, err
	}
	if c.Unfit != "" {
		return core.ClaimedTask{}, core.Errorf(core.CodeConflict, "%s", c.Unfit)
	}
	// A class that the operator has taken away meanwhile is not worth a refusal.
	class, _ := s.deps.Classes.Lookup(a.Executor, a.ResourceClass)
	return core.ClaimedTask{Attempt: a.noun(), Spec: sp.Spec.V, TimeLimit: a.limit(s.cfg), Class: class}, nil
}

// knownAllocation returns the allocation of an attempt, out of the row when it
// has been seen, and from the cluster itself when the agent is faster than the
// news of it.
func (s *Service) knownAllocation(ctx context.Context, id core.AttemptID) (cluster.Allocation, error) {
	a := &attempt{}
	err := s.deps.DB.NewSelect().Model(a).Where("id = ?", string(id)).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return cluster.Allocation{}, unknownAttempt(id)
	case err != nil:
		return cluster.Allocation{}, fmt.Errorf("reading the attempt: %w", err)
	case a.State == stateEnded:
		return cluster.Allocation{}, endedAttempt(id)
	case a.Allocation != "":
		return cluster.Allocation{Attempt: id, ID: a.Allocation}, nil
	}
	return s.find(ctx, id)
}

func (s *Service) find(ctx context.Context, id core.AttemptID) (cluster.Allocation, error) {
	found, err := s.deps.Cluster.Find(ctx, id)
	if err != nil {
		return cluster.Allocation{}, fmt.Errorf("asking the cluster for the allocation: %w", err)
	}
	if found.ID == "" {
		return cluster.Allocation{}, unknownAttempt(id)
	}
	return found, nil
}

// bind gives the work to the claimant, or says why not.
func (c *change) bind(a *attempt, claim core.Claim, known string) error {
	if a.Allocation == "" {
		a.Allocation = known
	}
	switch {
	case a.State == stateEnded || !a.StopAt.IsZero():
		return endedAttempt(a.id())
	case !same(a.Allocation, claim.Allocation):
		return core.Errorf(core.CodeForbidden, "allocation %s is not that of attempt %s", claim.Allocation, a.ID)
	case a.claimed() && !same(a.Nonce, claim.Nonce):
		return core.Errorf(core.CodeConflict, "attempt %s was claimed by another process", a.ID)
	case a.claimed():
		return nil
	}
	a.Nonce, a.ClaimedAt = claim.Nonce, store.At(c.now)
	a.Waits = ""
	c.touch(a)
	return nil
}

// bound gives an attempt that was claimed its time limit, and looks at it after
// that: the agent keeps the limit itself, if it can.
func (c *change) bound(a *attempt, limit time.Duration) {
	a.Limit = limit.Microseconds()
	c.lookAt(a, a.ClaimedAt.Time().Add(limit+c.cfg.LimitSlack))
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func unknownAttempt(id core.AttemptID) error {
	return core.Errorf(core.CodeNotFound, "attempt %s is not known, or has no allocation yet", id)
}

func endedAttempt(id core.AttemptID) error {
	return core.Errorf(core.CodeConflict, "attempt %s has ended", id)
}

// continuationKey is the variable that holds the key of a setup pipeline.
const continuationKey = "CIRCLE_CONTINUATION_KEY"

// secrets returns the project's variables in plain, for the one who has claimed,
// and in a setup workflow the key that continues the pipeline.
func (s *Service) secrets(ctx context.Context, spec core.TaskSpec) ([]core.EnvVar, error) {
	env, err := s.variables(ctx, spec.Pipeline.Project.ID)
	if err != nil || !spec.Setup {
		return env, err
	}
	key, err := s.deps.Peers.Continuations.ContinuationKey(ctx, spec.Pipeline.ID)
	if err != nil {
		return nil, fmt.Errorf("asking for the continuation key: %w", err)
	}
	return append(env, core.EnvVar{Name: continuationKey, Value: key}), nil // the last one counts
}

func (s *Service) variables(ctx context.Context, project core.ProjectID) ([]core.EnvVar, error) {
	if project == "" {
		return nil, nil
	}
	variables, err := s.deps.Peers.Secrets.RevealVariables(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("asking for the project's variables: %w", err)
	}
	env := make([]core.EnvVar, len(variables))
	for i, v := range variables {
		env[i] = core.EnvVar{Name: v.Name, Value: v.Value}
	}
	return env, nil
}

// admit fills in who may log in to a job, and for how long: the keys that the
// user has now. The spec is the claimant's copy; keys are stored nowhere.
func (s *Service) admit(ctx context.Context, access *core.SSHAccess) error {
	if access == nil {
		return nil
	}
	keys, err := s.deps.Peers.SSHKeys.ListSSHKeys(ctx, access.User)
	if err != nil {
		return fmt.Errorf("asking for the user's SSH keys: %w", err)
	}
	access.Keys = nil
	for _, key := range keys {
		access.Keys = append(access.Keys, key.PublicKey)
	}
	access.Forwarding, access.Idle, access.Most = s.cfg.SSHForwarding, s.cfg.SSHIdle, s.cfg.SSHMost
	return nil
}

// ReportAgents implements core.Placements.
func (s *Service) ReportAgents(ctx context.Context, reports []core.AgentReport) error {
	ids := make([]core.AttemptID, len(reports))
	words := map[core.AttemptID]string{}
	for i, r := range reports {
		if ids[i] = r.Attempt; r.Status == core.JobInfrastructureFail {
			words[r.Attempt] = s.whyStopped(ctx, r.Attempt)
		}
	}
	return s.update(ctx, ids, func(_ context.Context, _ bun.Tx, c *change) error {
		for _, r := range reports {
			a := c.rows[r.Attempt]
			if a == nil || a.State == stateEnded {
				continue // forgotten, or the end was told already
			}
			if r.OutOfMemory {
				c.end(a, failure(false, "%s", s.outOfMemory(a)), r.At, false)
				continue
			}
			c.heed(a, r, words[r.Attempt])
		}
		return nil
	})
}

// heed takes the word of an agent. Stopped are the cluster's words for its wish
// that the run ends, "" when it has none.
func (c *change) heed(a *attempt, r core.AgentReport, stopped string) {
	if r.Status.Ended() {
		e := ending{status: r.Status, reason: r.Reason}
		if r.Status == core.JobInfrastructureFail {
			e = c.broken(a, r, stopped)
		}
		c.end(a, e, r.At, e.status == r.Status && e.reason == r.Reason)
		return
	}
	if r.Status == core.JobRunning && !a.Running {
		a.Running = true
		c.touch(a)
		c.report(a, core.AttemptReport{Status: core.JobRunning, At: r.At})
	}
}
