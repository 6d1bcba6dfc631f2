// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

const (
	holdTable = "serial_holds"
	holdTopic = "workflows.serial_holds"
)

func (s *Service) newHoldLoop(registry prometheus.Registerer) (*work.Loop[*hold], error) {
	return work.New(work.Config[*hold]{
		Name: holdTopic, Table: holdTable, DB: s.db, Hints: s.hints, Topic: holdTopic,
		Clock: s.clock, Logger: s.logger, Metrics: registry,
		Lease: s.cfg.Lease, Poll: s.cfg.Poll,
		Handle: s.tellHolds,
	})
}

// tellHolds has the queue put holds in line, or let them go. One that changes
// while it is told is marked due again, and comes with what it is then.
func (s *Service) tellHolds(ctx context.Context, rows []*hold) []work.Result {
	results := make([]work.Result, len(rows))
	for i := range results {
		results[i] = work.Done()
	}
	for state, call := range map[core.SerialState]func(context.Context, []core.SerialClaim) error{
		core.SerialWaiting: s.serials.ClaimSerials, core.SerialReleased: s.serials.ReleaseSerials,
	} {
		var claims []core.SerialClaim
		var places []int
		for i, h := range rows {
			if h.State == state {
				claims, places = append(claims, h.Claim.V), append(places, i)
			}
		}
		if len(claims) == 0 {
			continue
		}
		if err := call(ctx, claims); err != nil {
			for _, i := range places {
				results[i] = fail(ctx, fmt.Errorf("telling the queue of serial groups: %w", err))
			}
		}
	}
	return results
}

// ReportSerials implements core.Tasks.
func (s *Service) ReportSerials(ctx context.Context, news []core.SerialNews) ([]core.SerialID, error) {
	unwanted := []core.SerialID{}
	for _, n := range news {
		wanted := false
		err := s.change(ctx, func(ctx context.Context, tx bun.Tx, b *board) (err error) {
			wanted, err = s.takeSerial(ctx, tx, b, n)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("taking news of a serial group: %w", err)
		}
		if !wanted {
			unwanted = append(unwanted, n.Claim)
		}
	}
	return unwanted, nil
}

func (s *Service) takeSerial(ctx context.Context, tx bun.Tx, b *board, n core.SerialNews) (bool, error) {
	err := s.lockWorkflows(ctx, tx, b, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", n.Workflow) })
	if err != nil || b.workflows[n.Workflow] == nil {
		return false, err
	}
	if err := loadHolds(ctx, tx, b, []core.SerialID{n.Claim}); err != nil {
		return false, err
	}
	var rows []*job
	err = tx.NewSelect().Model(&rows).Where("workflow_id = ?", n.Workflow).Where("hold_id = ?", n.Claim).Where("waits").Order("idx").Scan(ctx)
	if err != nil {
		return false, fmt.Errorf("reading jobs that wait: %w", err)
	}
	for _, j := range rows {
		b.jobs[j.ID] = j
	}
	return b.hearSerial(b.holds[n.Claim], n, rows), nil
}

// loadHolds puts holds that are not on the board yet on it.
func loadHolds(ctx context.Context, tx bun.IDB, b *board, ids []core.SerialID) error {
	var missing []core.SerialID
	seen := map[core.SerialID]bool{}
	for _, id := range ids {
		if id != "" && b.holds[id] == nil && !seen[id] {
			seen[id] = true
			missing = append(missing, id)
		}
	}
	for part := range slices.Chunk(missing, chunk) {
		var rows []*hold
		if err := tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return fmt.Errorf("reading holds of serial groups: %w", err)
		}
		for _, h := range rows {
			b.holds[h.id()] = h
		}
	}
	return nil
}

// holdsOfJobs puts the holds of jobs on the board. They change under the row of
// the workflow, as jobs do.
func holdsOfJobs(ctx context.Context, tx bun.IDB, b *board, jobs []*job) error {
	var ids []core.SerialID
	for _, j := range jobs {
		if j.Hold != "" {
			ids = append(ids, j.Hold)
		}
	}
	return loadHolds(ctx, tx, b, ids)
}

// saveHolds writes the holds that changed, and lets go of all that a workflow
// which ends still has: that is what ends a lock without an unlock.
func (s *Service) saveHolds(ctx context.Context, tx bun.Tx, b *board, fresh map[core.WorkflowID]bool) error {
	var due []string
	for _, h := range b.changedHolds.list {
		if fresh[h.Workflow] {
			continue
		}
		_, err := tx.NewUpdate().Model(h).Column("state", "open_jobs", "reason").WherePK().Exec(ctx)
		if err != nil {
			return fmt.Errorf("writing holds of serial groups: %w", err)
		}
		if h.State == core.SerialWaiting || h.State == core.SerialReleased {
			due = append(due, h.ID)
		}
	}
	for _, w := range sortedWorkflows(b) {
		if !w.Serial || fresh[w.ID] || w.StoppedAt != b.now {
			continue
		}
		var left []string
		err := tx.NewUpdate().Model((*hold)(nil)).Set("state = ?", core.SerialReleased).Where("workflow_id = ?", w.ID).
			Where("state IN (?)", bun.List([]core.SerialState{core.SerialWaiting, core.SerialHeld})).Returning("id").Scan(ctx, &left)
		if err != nil {
			return fmt.Errorf("releasing the serial groups of workflow %s: %w", w.ID, err)
		}
		due = append(due, left...)
	}
	b.dueHolds = len(due) > 0
	return work.MarkDue(ctx, tx, holdTable, b.now.Time(), due...)
}

// insertHolds writes the holds of a draft as they are after its play.
func (d *draft) insertHolds(ctx context.Context, tx bun.Tx, b *board) error {
	for _, h := range d.held {
		if h.State == core.SerialWaiting {
			h.DueAt = b.now
			b.dueHolds = true
		}
	}
	return insert(ctx, tx, d.held)
}
