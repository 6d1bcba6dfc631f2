// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// RerunWorkflow implements core.Workflows. The new workflow has all jobs of the
// old one; those that are not repeated are in it as they ended, with the number
// and the tasks that they had.
func (s *Service) RerunWorkflow(ctx context.Context, r core.Rerun) (core.Workflow, error) {
	if r.ID == "" {
		return core.Workflow{}, core.Errorf(core.CodeInvalid, "a rerun needs the id of the new workflow")
	}
	if r.FromFailed && len(r.Jobs) > 0 {
		return core.Workflow{}, core.Errorf(core.CodeInvalid, "repeat either from the failed jobs or the jobs that are named, not both")
	}
	if r.SSH && (len(r.Jobs) == 0 || r.By == "") {
		return core.Workflow{}, core.Errorf(core.CodeInvalid, "a rerun with SSH names its jobs, and only a user can ask for one")
	}
	if r.FailedTests && !r.FromFailed {
		return core.Workflow{}, core.Errorf(core.CodeInvalid, "failed tests are repeated in a rerun from failed only; ask for both")
	}
	var failed map[int][]core.FailedTest
	if r.FailedTests {
		var err error
		if failed, err = s.failedOf(ctx, r); err != nil {
			return core.Workflow{}, fmt.Errorf("repeating workflow %s: %w", r.Workflow, err)
		}
	}
	var result *workflow
	err := s.create(ctx, func(ctx context.Context, tx bun.Tx, b *board) ([]*draft, error) {
		old, err := s.lockWorkflow(ctx, tx, b, r.Workflow)
		if err != nil {
			return nil, err
		}
		// The old workflow is read here, not played on.
		delete(b.workflows, old.ID)
		if result, err = findRerun(ctx, tx, r); err != nil || result != nil {
			return nil, err
		}
		if old.Setup {
			return nil, core.Errorf(core.CodeConflict, "workflow %s is a setup workflow, and its pipeline is continued only once; start a new pipeline instead of repeating it", old.Name)
		}
		if !old.Status.Ended() {
			return nil, core.Errorf(core.CodeConflict, "workflow %s is still %s; cancel it or wait for its end before repeating it", old.Name, old.Status)
		}
		d, err := s.draftRerun(ctx, tx, b, r, old)
		if err != nil {
			return nil, err
		}
		result = d.workflow
		return []*draft{d}, keepFailed(ctx, tx, d, failed)
	})
	if err != nil {
		return core.Workflow{}, fmt.Errorf("repeating workflow %s: %w", r.Workflow, err)
	}
	return result.noun(), nil
}

// findRerun returns the workflow that an earlier call with this id made.
func findRerun(ctx context.Context, tx bun.Tx, r core.Rerun) (*workflow, error) {
	var rows []*workflow
	if err := tx.NewSelect().Model(&rows).Where("id = ?", r.ID).Scan(ctx); err != nil {
		return nil, fmt.Errorf("looking for the new workflow: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	if rows[0].RerunOf != r.Workflow {
		return nil, core.Errorf(core.CodeConflict, "the id %s belongs to another workflow", r.ID)
	}
	return rows[0], nil
}

// draftRerun lays out the rerun of an ended workflow. Jobs that are on the board
// are taken from there.
func (s *Service) draftRerun(ctx context.Context, tx bun.Tx, b *board, r core.Rerun, old *workflow) (*draft, error) {
	var jobs []*job
	if err := tx.NewSelect().Model(&jobs).Where("workflow_id = ?", old.ID).Order("idx").Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading jobs: %w", err)
	}
	for i, j := range jobs {
		if moved := b.jobs[j.ID]; moved != nil {
			jobs[i] = moved
		}
	}
	if len(jobs) == 0 {
		return nil, core.Errorf(core.CodeConflict, "workflow %s never had jobs that could be repeated", old.Name)
	}
	plan, err := storedPlan(ctx, tx, old, jobs)
	if err != nil {
		return nil, err
	}
	var p pipeline
	if err := tx.NewSelect().Model(&p).Where("id = ?", old.Pipeline).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading the pipeline's context: %w", err)
	}
	d := newDraft(core.NewWorkflow{ID: r.ID, Pipeline: p.Context.V, Plan: plan}, b.now, s.cfg)
	if d.workflow.ErroredBy != "" {
		return nil, core.Errorf(core.CodeConflict, "workflow %s cannot be repeated: %s", old.Name, d.workflow.ErroredBy)
	}
	d.workflow.RerunOf, d.workflow.StartedBy = old.ID, r.By
	d.workflow.Workspace = cmp.Or(old.Workspace, old.ID)
	d.workflow.Redundant, d.workflow.Supersedes = false, false
	repeat, err := repeated(d.graph, jobs, r)
	if err != nil {
		return nil, err
	}
	d.repeatWhole(repeat)
	for i, again := range repeat {
		if !again {
			d.keep(d.jobs[i], jobs[i])
		}
	}
	if r.SSH {
		return d, d.letIn(r, jobs)
	}
	return d, nil
}

// letIn lets the user who asked log in to the jobs that were named.
func (d *draft) letIn(r core.Rerun, old []*job) error {
	for i, j := range old {
		if !slices.Contains(r.Jobs, j.ID) {
			continue
		}
		if j.Type != core.JobBuild {
			return core.Errorf(core.CodeInvalid, "%s is a job of type %s: nothing runs in it that one could log in to", j.Name, j.Type)
		}
		for _, k := range append(d.members(d.plans[i].Plan.V.Group), i) {
			if d.jobs[k].Type == core.JobBuild {
				d.jobs[k].SSH = r.By
			}
		}
	}
	return nil
}

// repeatWhole adds to what is repeated: what holds a lock together is repeated
// together, or a part of it would run without. That is a job group with a serial
// group, and what stands between a lock and its unlock.
func (d *draft) repeatWhole(repeat []bool) {
	for again := true; again; {
		again = false
		for i := range d.jobs {
			var piece []int
			switch p := d.plans[i].Plan.V; {
			case p.Type == core.JobLock && !repeat[i] && d.locked(i, repeat):
				piece = []int{i}
			case repeat[i]:
				piece = d.members(p.Group)
			}
			for k, reached := range d.graph.downstream(piece) {
				if reached && !repeat[k] {
					repeat[k], again = true, true
				}
			}
		}
	}
}

// members are the places of the jobs of a group that has a serial group.
func (d *draft) members(group string) (places []int) {
	if !slices.ContainsFunc(d.workflow.Groups.V, func(g core.GroupPlan) bool { return g.Name == group }) {
		return nil
	}
	for i := range d.plans {
		if d.plans[i].Plan.V.Group == group {
			places = append(places, i)
		}
	}
	return places
}

// locked tells whether a job is repeated that runs under the lock of the job at
// place.
func (d *draft) locked(place int, repeat []bool) bool {
	var unlocks []int
	for i := range d.plans {
		if p := d.plans[i].Plan.V; p.Type == core.JobUnlock && p.Key == d.plans[place].Plan.V.Key {
			unlocks = append(unlocks, i)
		}
	}
	free := d.graph.downstream(unlocks)
	for i, under := range d.graph.downstream([]int{place}) {
		if under && !free[i] && repeat[i] {
			return true
		}
	}
	return false
}

// storedPlan puts a workflow's plan together again.
func storedPlan(ctx context.Context, tx bun.Tx, w *workflow, jobs []*job) (core.WorkflowPlan, error) {
	var rows []jobPlan
	err := tx.NewSelect().Model(&rows).Column("job_id", "plan").
		Where("job_id IN (?)", tx.NewSelect().Model((*job)(nil)).Column("id").Where("workflow_id = ?", w.ID)).Scan(ctx)
	if err != nil {
		return core.WorkflowPlan{}, fmt.Errorf("reading plans: %w", err)
	}
	byJob := make(map[core.JobID]core.JobPlan, len(rows))
	for _, row := range rows {
		byJob[row.Job] = row.Plan.V
	}
	plan := core.WorkflowPlan{Name: w.Name, Groups: w.Groups.V}
	for _, j := range jobs {
		plan.Jobs = append(plan.Jobs, byJob[j.ID])
	}
	return plan, nil
}

// repeated tells for each job of an ended workflow whether a rerun repeats it:
// all; all that did not succeed; or the named ones with all that depend on them.
func repeated(g graph, jobs []*job, r core.Rerun) ([]bool, error) {
	repeat := make([]bool, len(jobs))
	switch {
	case len(r.Jobs) > 0:
		return repeatedJobs(g, jobs, r.Jobs)
	case r.FromFailed:
		bad := false
		for i, j := range jobs {
			repeat[i] = j.Status != core.JobSuccess
			bad = bad || repeat[i] && j.Status != core.JobNotRun
		}
		if !bad {
			return nil, core.Errorf(core.CodeConflict, "no job of the workflow failed, so there is nothing to repeat from")
		}
	default:
		for i := range repeat {
			repeat[i] = true
		}
	}
	return repeat, nil
}

func repeatedJobs(g graph, jobs []*job, named []core.JobID) ([]bool, error) {
	place := make(map[core.JobID]int, len(jobs))
	for i, j := range jobs {
		place[j.ID] = i
	}
	var places []int
	for _, id := range named {
		i, ok := place[id]
		if !ok {
			return nil, core.Errorf(core.CodeInvalid, "job %s is not one of the workflow's", id)
		}
		places = append(places, i)
	}
	repeat := g.downstream(places)
	// Without this the named job would be not_run at once, and nobody the wiser.
	for _, i := range places {
		for _, l := range g.requires[i] {
			if from := jobs[l.Job]; !repeat[l.Job] && !l.Accept.has(from.Status) {
				return nil, core.Errorf(core.CodeConflict, "%s cannot be repeated by itself: it requires %s, which ended with %s; repeat that one", jobs[i].Name, from.Name, from.Status)
			}
		}
	}
	return repeat, nil
}

// keep makes a job of the draft what it was in the old workflow.
func (d *draft) keep(j, old *job) {
	d.workflow.Tally.V.move(j.Status, old.Status)
	j.Copied, j.Origin = true, old.Origin
	j.Status, j.Number, j.Unmet = old.Status, old.Number, 0
	j.Outcome, j.OutcomeReason, j.Reason = old.Outcome, old.OutcomeReason, old.Reason
	j.ApprovedBy, j.CancelAsked, j.CanceledBy = old.ApprovedBy, old.CancelAsked, old.CanceledBy
	j.QueuedAt, j.StartedAt, j.StoppedAt = old.QueuedAt, old.StartedAt, old.StoppedAt
}
