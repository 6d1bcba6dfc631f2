// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// chunk is how many rows one statement reads or writes at most.
const chunk = 500

// wideAfter is after how many rounds of settling the rest of the workflows is
// loaded at once. Most changes end after one or two rounds that touch a few
// rows; a cascade along a chain of thousands of no-ops would take two queries a
// link.
const wideAfter = 16

// lockWorkflows puts workflows on the board and holds their rows until the
// transaction ends, always in the order of their ids, so that two transactions
// cannot wait for each other. narrow says which.
func (s *Service) lockWorkflows(ctx context.Context, tx bun.Tx, b *board, narrow func(*bun.SelectQuery) *bun.SelectQuery) error {
	var rows []*workflow
	q := narrow(tx.NewSelect().Model(&rows)).Order("id")
	if err := s.db.ForUpdate(q).Scan(ctx); err != nil {
		return fmt.Errorf("locking workflows: %w", err)
	}
	for _, w := range rows {
		b.workflows[w.ID] = w
	}
	return nil
}

// loadJobs puts the named jobs that are not on the board yet on it.
func loadJobs(ctx context.Context, tx bun.IDB, b *board, ids []core.JobID) error {
	missing := missingIDs(ids, b.jobs)
	for part := range slices.Chunk(missing, chunk) {
		var rows []*job
		if err := tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return fmt.Errorf("reading jobs: %w", err)
		}
		for _, j := range rows {
			b.jobs[j.ID] = j
		}
		if err := holdsOfJobs(ctx, tx, b, rows); err != nil {
			return err
		}
	}
	return nil
}

// loadLinks puts the dependents' links of the named jobs on the board.
func loadLinks(ctx context.Context, tx bun.IDB, b *board, ids []core.JobID) error {
	missing := missingIDs(ids, b.links)
	for part := range slices.Chunk(missing, chunk) {
		var rows []jobPlan
		err := tx.NewSelect().Model(&rows).Column("job_id", "dependents").Where("job_id IN (?)", bun.List(part)).Scan(ctx)
		if err != nil {
			return fmt.Errorf("reading links: %w", err)
		}
		for _, row := range rows {
			b.links[row.Job] = row.Dependents.V
		}
	}
	return nil
}

func missingIDs[V any](ids []core.JobID, known map[core.JobID]V) []core.JobID {
	seen := make(map[core.JobID]bool, len(ids))
	var out []core.JobID
	for _, id := range ids {
		if _, ok := known[id]; !ok && !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// settle lets the board settle with what the tables hold.
func (s *Service) settle(ctx context.Context, tx bun.Tx, b *board) error {
	return b.settle(func(ended []*job, depth int) error {
		if depth == wideAfter {
			if err := loadBlocked(ctx, tx, b, ended); err != nil {
				return err
			}
		}
		ids := make([]core.JobID, len(ended))
		for i, j := range ended {
			ids[i] = j.ID
		}
		if err := loadLinks(ctx, tx, b, ids); err != nil {
			return err
		}
		var dependents []core.JobID
		for _, j := range ended {
			for _, l := range b.links[j.ID] {
				dependents = append(dependents, jobID(j.Workflow, l.Job))
			}
		}
		return loadJobs(ctx, tx, b, dependents)
	})
}

// loadBlocked puts every job on the board that can still be moved by those that
// ended, with its links.
func loadBlocked(ctx context.Context, tx bun.Tx, b *board, ended []*job) error {
	flows := map[core.WorkflowID]bool{}
	for _, j := range ended {
		flows[j.Workflow] = true
	}
	for id := range flows {
		jobs, err := openJobs(ctx, tx, b, id)
		if err != nil {
			return err
		}
		var blocked []core.JobID
		for _, j := range jobs {
			if j.Status == core.JobBlocked {
				blocked = append(blocked, j.ID)
			}
		}
		if err := loadLinks(ctx, tx, b, blocked); err != nil {
			return err
		}
	}
	return nil
}

// openJobs puts all jobs of a workflow that have not ended on the board, where
// they are not there already, and returns them in the order of the plan.
func openJobs(ctx context.Context, tx bun.Tx, b *board, id core.WorkflowID) ([]*job, error) {
	var rows []*job
	err := tx.NewSelect().Model(&rows).Where("workflow_id = ?", id).Where("stopped_at IS NULL").Order("idx").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading open jobs: %w", err)
	}
	if err := holdsOfJobs(ctx, tx, b, rows); err != nil {
		return nil, err
	}
	open := make([]*job, 0, len(rows))
	for _, j := range rows {
		if known := b.jobs[j.ID]; known != nil {
			j = known
		}
		b.jobs[j.ID] = j
		if !j.Status.Ended() {
			open = append(open, j)
		}
	}
	return open, nil
}
