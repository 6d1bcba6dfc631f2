// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// schedule runs passes: at once when something changed, and every poll.
func (s *Service) schedule(ctx context.Context) error {
	changed, cancel := s.deps.Hints.Subscribe(topicTasks)
	defer cancel()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		if err := s.passes(ctx); err != nil && ctx.Err() == nil {
			s.deps.Logger.Warn("scheduling pass failed, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-ticker.C:
		}
	}
}

// passes runs passes until one has left nothing to do.
func (s *Service) passes(ctx context.Context) error {
	for {
		released, more, err := s.pass(ctx)
		if err != nil {
			return err
		}
		if len(released) > 0 {
			s.observe(released)
		}
		if !more {
			return nil
		}
	}
}

func (s *Service) observe(released []*task) {
	now := s.deps.Clock()
	for _, t := range released {
		s.metrics.released.WithLabelValues(t.Pool).Inc()
		s.metrics.wait.WithLabelValues(t.Pool).Observe(max(0, now.Sub(t.WaitingSince.Time()).Seconds()))
	}
	s.deps.Logger.Debug("tasks released", "tasks", len(released))
}

// handOver brings attempts to placements, and stops to those that have one.
// The order is fixed, Place before StopAttempts, so that placements knows the
// task of what it stops.
func (s *Service) handOver(ctx context.Context, rows []*attempt) []work.Result {
	results := make([]work.Result, len(rows))
	failed := map[string]error{}
	s.each(ctx, rows, failed, func(a *attempt) bool { return !a.Placed && !a.Status.Ended() }, s.place)
	s.each(ctx, rows, failed, func(a *attempt) bool { return a.Stop && !a.Status.Ended() }, s.stop)
	for i, a := range rows {
		if err := failed[a.ID]; err != nil {
			results[i] = work.Fail(err)
			continue
		}
		results[i] = work.Done()
	}
	return results
}

// each does something with those rows that need it and have not failed yet.
func (s *Service) each(ctx context.Context, rows []*attempt, failed map[string]error, needs func(*attempt) bool, do func(context.Context, []*attempt) error) {
	var chosen []*attempt
	for _, a := range rows {
		if failed[a.ID] == nil && needs(a) {
			chosen = append(chosen, a)
		}
	}
	for i, err := range batch.Isolate(chosen, func(some []*attempt) error { return do(ctx, some) }) {
		if err != nil {
			failed[chosen[i].ID] = err
		}
	}
}

func (s *Service) place(ctx context.Context, rows []*attempt) error {
	attempts := make([]core.Attempt, len(rows))
	ids := make([]string, len(rows))
	for i, a := range rows {
		attempts[i] = core.Attempt{ID: core.AttemptID(a.ID), Task: a.Task, Number: a.Number, Executor: a.Executor, ResourceClass: a.ResourceClass}
		ids[i] = a.ID
	}
	if err := s.deps.Placements.Place(ctx, attempts); err != nil {
		return fmt.Errorf("placing attempts: %w", err)
	}
	_, err := s.deps.DB.NewUpdate().Model((*attempt)(nil)).Set("placed = ?", true).Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}

func (s *Service) stop(ctx context.Context, rows []*attempt) error {
	ids := make([]core.AttemptID, len(rows))
	for i, a := range rows {
		ids[i] = core.AttemptID(a.ID)
	}
	if err := s.deps.Placements.StopAttempts(ctx, ids); err != nil {
		return fmt.Errorf("stopping attempts: %w", err)
	}
	return nil
}

// deliver brings news to workflows.
func (s *Service) deliver(ctx context.Context, rows []*report) []work.Result {
	errs := batch.Isolate(rows, func(some []*report) error {
		news := make([]core.TaskReport, len(some))
		for i, r := range some {
			news[i] = r.Report.V
		}
		if err := s.deps.Tasks.ReportTasks(ctx, news); err != nil {
			return fmt.Errorf("reporting tasks: %w", err)
		}
		return nil
	})
	results := make([]work.Result, len(rows))
	for i, err := range errs {
		if results[i] = work.Delete(); err != nil {
			results[i] = work.Fail(err)
		}
	}
	return results
}

// learnNames asks for the names of organizations, which Waiting shows. A name
// that cannot be had is no reason to bother anyone: the id stands in for it.
func (s *Service) learnNames(ctx context.Context, rows []*organization) []work.Result {
	results := make([]work.Result, len(rows))
	for i, o := range rows {
		results[i] = work.Done()
		specs, err := s.deps.Tasks.TaskSpecs(ctx, []core.TaskID{o.Sample})
		if core.ErrorCode(err) == core.CodeUnavailable {
			results[i] = work.Fail(err)
			continue
		}
		if err != nil || len(specs) != 1 {
			continue
		}
		name := specs[0].Pipeline.Project.Organization.Slug()
		if _, err := s.deps.DB.NewUpdate().Model((*organization)(nil)).Set("name = ?", name).Where("id = ?", o.ID).Exec(ctx); err != nil {
			results[i] = work.Fail(err)
		}
	}
	return results
}

// forget removes tasks that ended long ago, a few at a time.
func (s *Service) forget(ctx context.Context) error {
	before := store.At(s.deps.Clock().Add(-s.cfg.Keep))
	for ctx.Err() == nil {
		var ids []core.TaskID
		err := s.deps.DB.NewSelect().Model((*task)(nil)).Column("id").
			Where("ended_at IS NOT NULL").Where("ended_at < ?", before).Limit(batch.Size).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return err
		}
		err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewDelete().Model((*attempt)(nil)).Where("task IN (?)", bun.List(ids)).Exec(ctx); err != nil {
				return err
			}
			_, err := tx.NewDelete().Model((*task)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// census counts tasks for the metrics.
func (s *Service) census(ctx context.Context) ([]count, error) {
	counts, err := released(ctx, s.deps.DB)
	if err != nil {
		return nil, err
	}
	var waiting []count
	err = s.deps.DB.NewSelect().TableExpr("tasks").ColumnExpr("pool, organization, state, count(*) AS tasks").
		Where("state = 'waiting'").GroupExpr("pool, organization, state").Scan(ctx, &waiting)
	if err != nil {
		return nil, fmt.Errorf("counting waiting tasks: %w", err)
	}
	return append(counts, waiting...), nil
}
