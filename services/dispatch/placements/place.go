// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// Place implements core.Placements.
func (s *Service) Place(ctx context.Context, attempts []core.Attempt) error {
	now := store.At(s.deps.Clock())
	rows := make([]*attempt, len(attempts))
	for i, a := range attempts {
		if !validAttempt(a.ID) || a.Task == "" {
			return core.Errorf(core.CodeInvalid, "attempt %q of task %q cannot be placed: its id is not one", a.ID, a.Task)
		}
		rows[i] = &attempt{
			Item: work.Item{ID: string(a.ID), DueAt: now}, State: stateNew,
			Task: a.Task, Number: a.Number, Executor: a.Executor, ResourceClass: a.ResourceClass,
		}
	}
	born := s.attempts.Lease(rows...)
	defer born.Drop()
	var added []string
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		added, err = insertNew(ctx, tx, rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing attempts: %w", err)
	}
	born.Keep(added)
	born.Hand(ctx)
	return nil
}

// validAttempt tells whether an id can be the name of a folder, a container
// and a Nomad job, and no prefix of another's.
func validAttempt(id core.AttemptID) bool {
	if len(id) != 28 || id[:2] != "m-" {
		return false
	}
	for _, r := range id[2:] {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// StopAttempts implements core.Placements. An agent that has its work hears of
// it through output and gets StopGrace to end by itself.
func (s *Service) StopAttempts(ctx context.Context, ids []core.AttemptID) error {
	return s.update(ctx, ids, func(ctx context.Context, tx bun.Tx, c *change) error {
		for _, id := range ids {
			a := c.rows[id]
			if a == nil {
				if err := c.remember(ctx, tx, id); err != nil {
					return err
				}
				continue
			}
			if a.State == stateEnded || !a.StopAt.IsZero() {
				continue
			}
			a.StopAt = store.At(c.now)
			c.look(a)
			if a.claimed() {
				c.note(message{Attempt: id})
			}
		}
		return nil
	})
}

// remember keeps the wish to stop an attempt that was not placed, as an
// attempt that has ended and left nothing behind.
func (c *change) remember(ctx context.Context, tx bun.Tx, id core.AttemptID) error {
	if !validAttempt(id) {
		return core.Errorf(core.CodeInvalid, "%q is no attempt", id)
	}
	a := &attempt{
		Item: work.Item{ID: string(id)}, State: stateEnded, Status: core.JobCanceled,
		StopAt: store.At(c.now), EndedAt: store.At(c.now), Purged: true,
	}
	// A Place may come in at this very moment. Then it is the conflict's turn:
	// the caller tries again and finds the row.
	if _, err := tx.NewInsert().Model(a).Exec(ctx); err != nil {
		if store.IsUnique(err) {
			return core.Errorf(core.CodeUnavailable, "attempt %s is being placed at this moment, stop it again: %w", id, err)
		}
		return fmt.Errorf("remembering a stop: %w", err)
	}
	c.rows[id] = a
	c.report(a, core.AttemptReport{Status: core.JobCanceled})
	return nil
}
