// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
)

// Waiting implements core.Queue.
func (s *Service) Waiting(ctx context.Context, ids []core.TaskID) ([]string, error) {
	tasks := map[core.TaskID]*task{}
	placed := map[string]*attempt{}
	for part := range slices.Chunk(batch.Unique(ids), batch.Size) {
		var rows []*task
		if err := s.deps.DB.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return nil, fmt.Errorf("reading tasks: %w", err)
		}
		for _, t := range rows {
			tasks[t.ID] = t
		}
		if err := s.readPlaced(ctx, rows, placed); err != nil {
			return nil, err
		}
	}
	u, err := s.readUse(ctx, tasks)
	if err != nil {
		return nil, err
	}
	if u.held, err = s.readHeld(ctx, tasks); err != nil {
		return nil, err
	}
	reasons := make([]string, len(ids))
	for i, id := range ids {
		if t := tasks[id]; t != nil {
			reasons[i] = u.why(t, placed[string(t.Attempt)])
		}
	}
	return reasons, nil
}

func (s *Service) readPlaced(ctx context.Context, tasks []*task, into map[string]*attempt) error {
	var ids []core.AttemptID
	for _, t := range tasks {
		if t.State == statePlaced {
			ids = append(ids, t.Attempt)
		}
	}
	for part := range slices.Chunk(ids, batch.Size) {
		var rows []*attempt
		if err := s.deps.DB.NewSelect().Model(&rows).Column("id", "number", "placed", "reason").Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return fmt.Errorf("reading attempts: %w", err)
		}
		for _, a := range rows {
			into[a.ID] = a
		}
	}
	return nil
}

// readHeld returns those tasks that others of their job come before.
func (s *Service) readHeld(ctx context.Context, tasks map[core.TaskID]*task) (map[core.TaskID]bool, error) {
	var ids []core.TaskID
	for _, t := range tasks {
		if t.State == stateWaiting && t.Follows {
			ids = append(ids, t.ID)
		}
	}
	found := map[core.TaskID]bool{}
	for part := range slices.Chunk(ids, batch.Size) {
		var some []core.TaskID
		if err := s.deps.DB.NewSelect().Model((*task)(nil)).Column("id").Where("id IN (?)", bun.List(part)).Where(held).Scan(ctx, &some); err != nil {
			return nil, fmt.Errorf("reading which tasks are held: %w", err)
		}
		for _, id := range some {
			found[id] = true
		}
	}
	return found, nil
}

// use is how full the organizations and pools of some tasks are.
type use struct {
	board
	names map[core.OrganizationID]string
	held  map[core.TaskID]bool
	max   int
}

func (s *Service) readUse(ctx context.Context, tasks map[core.TaskID]*task) (*use, error) {
	u := &use{names: map[core.OrganizationID]string{}, max: s.cfg.MaxAttempts}
	u.pools, u.orgs = map[string]*poolState{}, map[core.OrganizationID]*orgState{}
	var ids []string
	for _, t := range tasks {
		if t.State != stateWaiting {
			continue
		}
		inFlight, limit := s.cfg.bounds(t.Pool)
		u.pools[t.Pool] = &poolState{inFlight: inFlight, limit: limit}
		u.orgs[t.Organization] = &orgState{id: t.Organization}
		ids = append(ids, string(t.Organization))
	}
	for part := range slices.Chunk(batch.Unique(ids), batch.Size) {
		var rows []*organization
		if err := s.deps.DB.NewSelect().Model(&rows).Column("id", "name", "concurrency").Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return nil, fmt.Errorf("reading organizations: %w", err)
		}
		for _, row := range rows {
			u.orgs[core.OrganizationID(row.ID)].limit = s.concurrency(row.Concurrency)
			u.names[core.OrganizationID(row.ID)] = row.Name
		}
	}
	if len(ids) == 0 {
		return u, nil
	}
	return u, countReleased(ctx, s.deps.DB, &u.board)
}

// why says for people what a task waits for.
func (u *use) why(t *task, a *attempt) string {
	switch {
	case t.State == stateWaiting && t.Attempts > 0:
		return t.Reason + "; " + u.bound(t)
	case t.State == stateWaiting:
		return u.bound(t)
	case t.State == statePlaced && a != nil && a.Reason != "":
		return "placed; " + a.Reason
	case t.State == statePlaced && a != nil && a.Placed:
		return "placed; it has not started yet"
	case t.State == statePlaced:
		return "released; it is being placed"
	default:
		return ""
	}
}

// bound names the limit that holds a waiting task back.
func (u *use) bound(t *task) string {
	org, pool := u.orgs[t.Organization], u.pools[t.Pool]
	switch {
	case u.held[t.ID]:
		return "waits until all other nodes of its job have begun"
	case org.released >= org.limit:
		name := cmp.Or(u.names[t.Organization], string(t.Organization))
		return fmt.Sprintf("waits for a free slot: organization %s runs %d of %d", name, org.released, org.limit)
	case pool.placed >= pool.inFlight:
		return fmt.Sprintf("waits for a free slot: pool %s has %d of %d attempts in flight", t.Pool, pool.placed, pool.inFlight)
	case pool.limit > 0 && pool.placed+pool.running >= pool.limit:
		return fmt.Sprintf("waits for a free slot: pool %s runs %d of %d", t.Pool, pool.placed+pool.running, pool.limit)
	default:
		return "waits for its turn"
	}
}
