// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// rewatch is the wait before a broken event stream is opened again.
const rewatch = time.Second

// watch follows the cluster's events until ctx ends. Each time the stream was
// opened anew, everything is listed once: what happened in between is in no
// event.
func (s *Service) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		s.relistSoon()
		err := s.deps.Cluster.Watch(ctx, func(news []cluster.Allocation) {
			if err := s.apply(ctx, news); err != nil && ctx.Err() == nil {
				s.deps.Logger.Warn("applying news of the cluster failed, the next list will do it", "error", err)
			}
		})
		if ctx.Err() != nil {
			return nil
		}
		s.deps.Logger.Warn("lost the events of the cluster, connecting again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(rewatch):
		}
	}
	return nil
}

func (s *Service) relistSoon() {
	select {
	case s.relistNow <- struct{}{}:
	default:
	}
}

// relist compares with the cluster when asked and every so often.
func (s *Service) relist(ctx context.Context) error {
	ticker := time.NewTicker(s.cfg.Relist)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.relistNow:
		case <-ticker.C:
		}
		s.jumps.look(s.deps.Clock())
		if err := s.compare(ctx); err != nil && ctx.Err() == nil {
			s.deps.Logger.Warn("comparing with the cluster failed, trying again later", "error", err)
		}
	}
}

// compare makes the rows agree with a full list: what the list says is
// applied, what only the rows know is lost, and what only the list knows is an
// orphan.
func (s *Service) compare(ctx context.Context) error {
	// Rows first: a run that starts between the two is in the list only, and a
	// row that is not in a list made after it was submitted has lost its run.
	open, err := s.submitted(ctx)
	if err != nil {
		return err
	}
	list, err := s.deps.Cluster.List(ctx)
	if err != nil {
		return fmt.Errorf("listing the cluster: %w", err)
	}
	for part := range slices.Chunk(list, batch.Size) {
		if err := s.apply(ctx, part); err != nil {
			return err
		}
	}
	listed := make(map[core.AttemptID]bool, len(list))
	for _, a := range list {
		listed[a.Attempt] = true
	}
	open = slices.DeleteFunc(open, func(id core.AttemptID) bool { return listed[id] })
	if err := s.markLost(ctx, open); err != nil {
		return err
	}
	return s.stopOrphans(ctx, list)
}

func (s *Service) submitted(ctx context.Context) ([]core.AttemptID, error) {
	var ids []core.AttemptID
	err := s.deps.DB.NewSelect().Model((*attempt)(nil)).Column("id").
		Where("state <> 'ended'").Where("state = ?", stateSubmitted).Where("gone_at IS NULL").Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("reading submitted attempts: %w", err)
	}
	return ids, nil
}

func (s *Service) markLost(ctx context.Context, ids []core.AttemptID) error {
	return s.update(ctx, ids, func(_ context.Context, _ bun.Tx, c *change) error {
		for _, a := range c.rows {
			if a.State == stateSubmitted && a.GoneAt.IsZero() {
				a.GoneAt, a.GoneKind = store.At(c.now), cluster.Lost
				a.GoneReason = "the cluster does not know of its run any more"
				c.look(a)
			}
		}
		return nil
	})
}

// stopOrphans ends runs without a row. A young one may belong to a row that is
// about to be there: rows come before runs, but databases are restored, too.
func (s *Service) stopOrphans(ctx context.Context, list []cluster.Allocation) error {
	old := s.deps.Clock().Add(-s.cfg.OrphanAge)
	var suspects []core.AttemptID
	for _, a := range list {
		if a.Created.Before(old) {
			suspects = append(suspects, a.Attempt)
		}
	}
	known := map[core.AttemptID]bool{}
	for part := range slices.Chunk(suspects, batch.Size) {
		var ids []core.AttemptID
		if err := s.deps.DB.NewSelect().Model((*attempt)(nil)).Column("id").Where("id IN (?)", bun.List(part)).Scan(ctx, &ids); err != nil {
			return fmt.Errorf("looking for orphans: %w", err)
		}
		for _, id := range ids {
			known[id] = true
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.cfg.Parallel)
	for _, id := range suspects {
		if known[id] {
			continue
		}
		s.metrics.orphans.Inc()
		s.deps.Logger.Warn("stopping a run that no attempt knows", "attempt_id", id)
		group.Go(func() error { return s.deps.Cluster.Stop(ctx, id) })
	}
	return group.Wait()
}

// apply takes news of allocations: events and lists alike, any number of times
// and in any order. Only what moves an attempt forward counts.
func (s *Service) apply(ctx context.Context, news []cluster.Allocation) error {
	// Most news repeat what is known, which a plain read can tell.
	news, err := s.fresh(ctx, news)
	if err != nil || len(news) == 0 {
		return err
	}
	ids := make([]core.AttemptID, len(news))
	for i, n := range news {
		ids[i] = n.Attempt
	}
	return s.update(ctx, ids, func(_ context.Context, _ bun.Tx, c *change) error {
		for _, n := range news {
			if a := c.rows[n.Attempt]; a != nil {
				c.learn(a, n)
			}
		}
		return nil
	})
}

// fresh returns the news that would change their row.
func (s *Service) fresh(ctx context.Context, news []cluster.Allocation) ([]cluster.Allocation, error) {
	ids := make([]core.AttemptID, len(news))
	for i, n := range news {
		ids[i] = n.Attempt
	}
	probe := &change{cfg: s.cfg, now: s.deps.Clock(), rows: map[core.AttemptID]*attempt{}}
	for part := range slices.Chunk(batch.Unique(ids), batch.Size) {
		var rows []*attempt
		if err := s.deps.DB.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return nil, fmt.Errorf("reading attempts: %w", err)
		}
		for _, a := range rows {
			probe.rows[a.id()] = a
		}
	}
	var fresh []cluster.Allocation
	for _, n := range news {
		a := probe.rows[n.Attempt]
		if a == nil {
			continue
		}
		probe.changed, probe.due = map[core.AttemptID]bool{}, map[core.AttemptID]time.Time{}
		copied := *a
		if probe.learn(&copied, n); probe.changed[n.Attempt] {
			fresh = append(fresh, n)
		}
	}
	return fresh, nil
}

// learn moves an attempt by what the cluster says of its allocation.
func (c *change) learn(a *attempt, n cluster.Allocation) {
	if a.Allocation != "" && n.ID != "" && a.Allocation != n.ID {
		return // not the run that we know; it never gets the work
	}
	if a.State == stateEnded {
		c.learnEnded(a, n)
		return
	}
	if n.ID != "" && (a.Allocation == "" || a.Node == "" && n.Node != "") { // a claim may have been first
		a.Allocation, a.Node = n.ID, n.Node
		c.touch(a)
	}
	switch n.State {
	case cluster.Pending:
		c.learnWaits(a, n)
	case cluster.Running:
		if a.StartedAt.IsZero() {
			a.StartedAt, a.Waits = store.At(c.now), ""
			c.lookAt(a, c.now.Add(c.cfg.ClaimTimeout))
		}
	case cluster.Ended:
		if a.GoneAt.IsZero() {
			a.GoneAt, a.GoneKind, a.GoneReason = store.At(c.now), n.Kind, n.Reason
			a.Node = cmp.Or(a.Node, n.Node)
			c.look(a)
		}
	}
}

// learnEnded hurries the removal of a run that has left by itself, and asks
// for it again when the cluster has it some time after it was removed: a
// submission was on its way then. Sooner, it is only the news of the removal.
func (c *change) learnEnded(a *attempt, n cluster.Allocation) {
	if n.State == cluster.Ended && a.GoneAt.IsZero() && !a.Purged {
		a.GoneAt = store.At(c.now)
		c.look(a)
	}
	if a.Purged && c.now.Sub(a.EndedAt.Time()) > 2*c.cfg.StopGrace+c.cfg.PurgeDelay {
		a.Purged = false
		c.look(a)
	}
}

// learnWaits passes on why an attempt is not placed.
func (c *change) learnWaits(a *attempt, n cluster.Allocation) {
	if n.Reason == "" || n.Reason == a.Waits || !a.StartedAt.IsZero() || a.claimed() {
		return
	}
	a.Waits = n.Reason
	c.touch(a)
	c.report(a, core.AttemptReport{Status: core.JobQueued, Reason: n.Reason})
}
