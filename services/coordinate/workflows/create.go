// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// jobsPerTransaction bounds how long one creation holds SQLite's only writer.
// A single larger workflow still goes in one piece.
const jobsPerTransaction = 2000

// CreateWorkflows implements core.Workflows. A plan that cannot be run becomes
// a workflow with status error, so that the pipeline shows what is wrong.
func (s *Service) CreateWorkflows(ctx context.Context, ws []core.NewWorkflow) error {
	for _, n := range ws {
		if n.ID == "" || n.Pipeline.ID == "" || n.Pipeline.Project.ID == "" {
			return core.Errorf(core.CodeInvalid, "a new workflow needs an id, a pipeline and a project")
		}
	}
	for start := 0; start < len(ws); {
		end, jobs := start+1, len(ws[start].Plan.Jobs)
		for ; end < len(ws) && jobs < jobsPerTransaction; end++ {
			jobs += len(ws[end].Plan.Jobs)
		}
		if err := s.createSome(ctx, ws[start:end], start); err != nil {
			return fmt.Errorf("creating workflows: %w", err)
		}
		start = end
	}
	return nil
}

// createSome creates workflows in one transaction; position is the first one's.
func (s *Service) createSome(ctx context.Context, ws []core.NewWorkflow, position int) error {
	branches := false
	err := s.create(ctx, func(ctx context.Context, tx bun.Tx, b *board) ([]*draft, error) {
		canceled, err := notePipelines(ctx, tx, ws)
		if err != nil {
			return nil, err
		}
		known, err := existing(ctx, tx, ws)
		if err != nil {
			return nil, err
		}
		var drafts []*draft
		for i, n := range ws {
			if slices.Contains(known, n.ID) {
				continue
			}
			known = append(known, n.ID)
			d := newDraft(n, b.now, s.cfg)
			d.workflow.Position = position + i
			d.canceled = canceled[n.Pipeline.ID]
			drafts = append(drafts, d)
		}
		marked, err := markBranches(ctx, tx, drafts, b.now)
		branches = marked
		return drafts, err
	})
	if err == nil && branches {
		s.hints.Notify(branchTopic)
	}
	return err
}

// notePipelines keeps the contexts of the workflows' pipelines and tells which
// of them were canceled. Their rows are held until the transaction ends, so a
// cancel comes wholly before or wholly after.
func notePipelines(ctx context.Context, tx bun.Tx, ws []core.NewWorkflow) (map[core.PipelineID]bool, error) {
	var rows []*pipeline
	seen := map[core.PipelineID]bool{}
	for _, n := range ws {
		if !seen[n.Pipeline.ID] {
			seen[n.Pipeline.ID] = true
			rows = append(rows, &pipeline{ID: n.Pipeline.ID, Context: store.JSON[core.PipelineContext]{V: n.Pipeline}})
		}
	}
	slices.SortFunc(rows, func(a, b *pipeline) int { return cmp.Compare(a.ID, b.ID) })
	canceled := map[core.PipelineID]bool{}
	for _, row := range rows {
		was := false
		err := tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").Set("context = excluded.context").
			Returning("canceled").Scan(ctx, &was)
		if err != nil {
			return nil, fmt.Errorf("noting pipelines: %w", err)
		}
		canceled[row.ID] = was
	}
	return canceled, nil
}

func existing(ctx context.Context, tx bun.Tx, ws []core.NewWorkflow) ([]core.WorkflowID, error) {
	ids := make([]core.WorkflowID, len(ws))
	for i, n := range ws {
		ids[i] = n.ID
	}
	var known []core.WorkflowID
	err := tx.NewSelect().Model((*workflow)(nil)).Column("id").Where("id IN (?)", bun.List(ids)).Scan(ctx, &known)
	if err != nil {
		return nil, fmt.Errorf("looking for known workflows: %w", err)
	}
	return known, nil
}

// markBranches has the branches looked at on which the new workflows, by
// whatever order they came in, may have made others redundant. Branches on
// which nobody wants that are left out.
func markBranches(ctx context.Context, tx bun.Tx, drafts []*draft, now store.Time) (bool, error) {
	rows := map[string]*branch{}
	for _, d := range drafts {
		w := d.workflow
		if !w.Supersedes {
			continue
		}
		id := derive("branch", string(w.Project)+"/"+w.Branch, 0)
		rows[id] = &branch{Item: work.Item{ID: id, DueAt: now}, Project: w.Project, Branch: w.Branch}
	}
	ids := make([]string, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		// An update that changes nothing holds the row: the loop cannot delete it
		// before the mark.
		if _, err := tx.NewInsert().Model(rows[id]).On("CONFLICT (id) DO UPDATE").Set("project_id = excluded.project_id").Exec(ctx); err != nil {
			return false, fmt.Errorf("marking branches: %w", err)
		}
	}
	return len(ids) > 0, work.MarkDue(ctx, tx, branchTable, now.Time(), ids...)
}

// create runs one transaction that adds workflows. It differs from change in
// that nothing is there yet to settle.
func (s *Service) create(ctx context.Context, do func(context.Context, bun.Tx, *board) ([]*draft, error)) error {
	var b *board
	err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		b.discard()
		b = newBoard(s.now())
		drafts, err := do(ctx, tx, b)
		if err != nil {
			return err
		}
		return s.save(ctx, tx, b, drafts)
	})
	if err != nil {
		b.discard()
		return err
	}
	s.tell(ctx, b)
	return nil
}
