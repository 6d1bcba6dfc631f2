// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// callTimeout bounds one call to the cluster.
const callTimeout = 2 * time.Minute

// submitTries is after how many refusals without a verdict an attempt ends.
const submitTries = 8

// errStep is what came of a step for one attempt.
type errStep struct {
	step step
	err  error
}

// handle takes the steps that are due: calls to the cluster side by side, then
// one transaction that notes what they did.
func (s *Service) handle(ctx context.Context, rows []*attempt) []work.Result {
	now := s.deps.Clock()
	s.jumps.look(now)
	steps := make([]errStep, len(rows))
	for i, a := range rows {
		steps[i].step, _ = a.next(s.cfg, now, s.jumps)
	}
	submit := s.prepare(ctx, rows, steps)
	s.callCluster(ctx, rows, steps, submit)
	results, err := s.settle(ctx, rows, steps)
	if err != nil {
		results = make([]work.Result, len(rows))
		for i := range results {
			results[i] = work.Fail(err)
		}
	}
	return results
}

// callCluster takes each row's step on the cluster and keeps its error.
func (s *Service) callCluster(ctx context.Context, rows []*attempt, steps []errStep, submit map[string]cluster.Placement) {
	var group errgroup.Group
	group.SetLimit(s.cfg.Parallel)
	for i, a := range rows {
		if steps[i].err != nil {
			continue
		}
		call := func(ctx context.Context) error { return s.deps.Cluster.Stop(ctx, a.id()) }
		switch steps[i].step {
		case stepSubmit:
			call = func(ctx context.Context) error { return s.submit(ctx, submit[a.ID]) }
		case stepStop, stepPurge:
		default:
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			steps[i].err = call(ctx)
			return nil
		})
	}
	_ = group.Wait() // the errors are in steps
}

// prepare gets the specs of what is to be submitted and stores them: a claim
// can come in before the submission has returned.
func (s *Service) prepare(ctx context.Context, rows []*attempt, steps []errStep) map[string]cluster.Placement {
	var fresh []int
	for i := range rows {
		if steps[i].step == stepSubmit {
			fresh = append(fresh, i)
		}
	}
	placements := make(map[string]cluster.Placement, len(fresh))
	errs := batch.Isolate(fresh, func(some []int) error {
		ids := make([]core.TaskID, len(some))
		for j, i := range some {
			ids[j] = rows[i].Task
		}
		specs, err := s.deps.Peers.Tasks.TaskSpecs(ctx, ids)
		if err != nil {
			return fmt.Errorf("asking for the task's spec: %w", err)
		}
		if len(specs) != len(ids) {
			return core.Errorf(core.CodeInternal, "asked for %d specs and got %d", len(ids), len(specs))
		}
		stored := make([]*spec, len(some))
		for j, i := range some {
			stored[j] = &spec{ID: rows[i].ID, Spec: store.JSON[core.TaskSpec]{V: specs[j]}}
			class, err := s.deps.Classes.Lookup(rows[i].Executor, rows[i].ResourceClass)
			if err != nil {
				return &cluster.Refusal{Reason: core.ErrorMessage(err)}
			}
			placements[rows[i].ID] = cluster.Placement{Attempt: rows[i].noun(), Spec: specs[j], Class: class}
		}
		return insert(ctx, s.deps.DB, stored)
	})
	for j, i := range fresh {
		steps[i].err = errs[j]
	}
	return placements
}

// settle notes what the steps did, for rows that still want the same step: the
// agent's word or a stop may have come in meanwhile.
func (s *Service) settle(ctx context.Context, rows []*attempt, steps []errStep) ([]work.Result, error) {
	results := make([]work.Result, len(rows))
	ids := make([]core.AttemptID, len(rows))
	for i, a := range rows {
		ids[i] = a.id()
	}
	err := s.update(ctx, ids, func(_ context.Context, _ bun.Tx, c *change) error {
		for i, old := range rows {
			a := c.rows[old.id()]
			if a == nil {
				results[i] = work.Delete()
				continue
			}
			results[i] = s.settleOne(c, a, old, steps[i])
		}
		return nil
	})
	return results, err
}

// settleOne notes what a step did; old is the row as it was when the step was
// decided.
func (s *Service) settleOne(c *change, a, old *attempt, done errStep) work.Result {
	if done.err != nil {
		if !s.giveUp(c, a, done) {
			s.tellTrouble(c, a, done)
			return work.Fail(done.err)
		}
	} else {
		s.advance(c, a, old, done.step)
	}
	// The loop holds the row: it is told by the result when to look again, and
	// marking it due would only make it look twice.
	delete(c.due, a.id())
	next, at := a.next(s.cfg, c.now, s.jumps)
	switch {
	case next != stepWait:
		return work.Again(c.now)
	case !at.IsZero():
		return work.Again(at)
	default:
		return work.Done()
	}
}

// advance notes a step that was taken.
func (s *Service) advance(c *change, a, old *attempt, done step) {
	wants, _ := a.next(s.cfg, c.now, s.jumps)
	switch {
	case done == stepSubmit && a.State == stateNew:
		a.State, a.SubmittedAt = stateSubmitted, store.At(c.now)
		c.touch(a)
	case done == stepEnd && wants == stepEnd:
		s.endWithout(c, a, s.ending(a))
	case done == stepStop && (wants == stepStop || a.State == stateSubmitted && !a.GoneAt.IsZero()):
		// That its run is gone was noticed meanwhile, and is our own doing.
		e := s.ending(old)
		if !a.StopAt.IsZero() {
			e = ending{status: core.JobCanceled}
		}
		s.endWithout(c, a, e)
		a.Purged = true
	case (done == stepPurge || done == stepStop) && a.State == stateEnded:
		a.Purged = true
		c.touch(a)
	}
}

// endWithout ends an attempt without its agent's word.
func (s *Service) endWithout(c *change, a *attempt, e ending) {
	s.metrics.failures.WithLabelValues(string(e.status), string(a.GoneKind)).Inc()
	s.deps.Logger.Info("attempt ended without its agent", "attempt_id", a.ID, "task_id", a.Task, "status", e.status, "kind", a.GoneKind, "reason", e.reason)
	c.end(a, e, c.now, false)
}

// giveUp ends an attempt whose submission will not work.
func (s *Service) giveUp(c *change, a *attempt, done errStep) bool {
	if done.step != stepSubmit || a.State != stateNew || !a.StopAt.IsZero() {
		return false
	}
	var refusal *cluster.Refusal
	code := core.ErrorCode(done.err)
	switch {
	case errors.As(done.err, &refusal):
		c.end(a, failure(false, "%s", refusal.Reason), c.now, false)
	case code == core.CodeNotFound:
		c.end(a, failure(false, "the task is not known any more"), c.now, false)
	case code != core.CodeUnavailable && a.Tries+1 >= submitTries:
		c.end(a, failure(true, "the cluster did not take the job: %s", done.err), c.now, false)
	default:
		return false
	}
	s.deps.Logger.Warn("attempt cannot be submitted", "attempt_id", a.ID, "task_id", a.Task, "error", done.err)
	return true
}

// tellTrouble lets those who wait know that the cluster does not answer.
func (s *Service) tellTrouble(c *change, a *attempt, done errStep) {
	reason := "it cannot be placed yet: " + done.err.Error()
	if done.step != stepSubmit || a.State != stateNew || a.Waits == reason || errors.Is(done.err, context.Canceled) {
		return
	}
	a.Waits = reason
	c.touch(a)
	c.report(a, core.AttemptReport{Status: core.JobQueued, Reason: reason})
}

// deliver brings news to the queue.
func (s *Service) deliver(ctx context.Context, rows []*report) []work.Result {
	return sent(batch.Isolate(rows, func(some []*report) error {
		news := make([]core.AttemptReport, len(some))
		for i, r := range some {
			news[i] = r.Report.V
		}
		if err := s.deps.Peers.Queue.ReportAttempts(ctx, news); err != nil {
			return fmt.Errorf("reporting attempts: %w", err)
		}
		return nil
	}))
}

// pass brings wishes and endings to output.
func (s *Service) pass(ctx context.Context, rows []*note) []work.Result {
	return sent(batch.Isolate(rows, func(some []*note) error {
		var stops []core.AttemptID
		var closes []core.AttemptClose
		for _, n := range some {
			m := n.Note.V
			if m.Status == "" {
				stops = append(stops, m.Attempt)
				continue
			}
			closes = append(closes, core.AttemptClose{Attempt: m.Attempt, Status: m.Status, Reason: m.Reason})
		}
		if len(stops) > 0 {
			if err := s.deps.Peers.Output.StopOutput(ctx, stops); err != nil {
				return fmt.Errorf("passing on stops: %w", err)
			}
		}
		if len(closes) > 0 {
			if err := s.deps.Peers.Output.CloseAttempts(ctx, closes); err != nil {
				return fmt.Errorf("closing attempts: %w", err)
			}
		}
		return nil
	}))
}

func sent(errs []error) []work.Result {
	results := make([]work.Result, len(errs))
	for i, err := range errs {
		if results[i] = work.Delete(); err != nil {
			results[i] = work.Fail(err)
		}
	}
	return results
}
