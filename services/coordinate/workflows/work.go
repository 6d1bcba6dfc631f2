// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

const (
	handoverTable = "task_handovers"
	handoverTopic = "workflows.task_handovers"
	branchTable   = "branches"
	branchTopic   = "workflows.branches"
)

func (s *Service) newHandoverLoop(registry prometheus.Registerer) (*work.Loop[*handover], error) {
	return work.New(work.Config[*handover]{
		Name: handoverTopic, Table: handoverTable, DB: s.db, Hints: s.hints, Topic: handoverTopic,
		Clock: s.clock, Logger: s.logger, Metrics: registry,
		Batch: s.cfg.HandoverBatch, Lease: s.cfg.Lease, Poll: s.cfg.Poll,
		Handle: s.deliver,
	})
}

func (s *Service) newBranchLoop(registry prometheus.Registerer) (*work.Loop[*branch], error) {
	return work.New(work.Config[*branch]{
		Name: branchTopic, Table: branchTable, DB: s.db, Hints: s.hints, Topic: branchTopic,
		Clock: s.clock, Logger: s.logger, Metrics: registry,
		Lease: s.cfg.Lease, Poll: s.cfg.Poll,
		Handle: s.tidyBranches,
	})
}

// deliver hands tasks over to the queue: first those that it is to have, then
// the cancels, in one call each. A row leaves the table when the queue has said
// yes to all that the row asked for; a row that was asked for more meanwhile
// (a cancel while its task was on the way) stays, and comes again.
func (s *Service) deliver(ctx context.Context, rows []*handover) []work.Result {
	results := make([]work.Result, len(rows))
	for i := range results {
		results[i] = work.Delete()
	}
	var places []int
	for i, row := range rows {
		if row.Enqueue {
			places = append(places, i)
		}
	}
	s.enqueue(ctx, rows, places, results)
	s.stop(ctx, rows, results)
	return results
}

// enqueue hands over the tasks at places. When the queue refuses the batch the
// tasks go one by one, so that the one at fault ends with the queue's words as
// its reason and holds up no other.
func (s *Service) enqueue(ctx context.Context, rows []*handover, places []int, results []work.Result) {
	if len(places) == 0 {
		return
	}
	tasks := make([]core.QueuedTask, len(places))
	for n, i := range places {
		tasks[n] = rows[i].Task.V
	}
	err := s.queue.Enqueue(ctx, tasks)
	switch {
	case err == nil:
	case core.ErrorCode(err) != core.CodeInvalid:
		for _, i := range places {
			results[i] = fail(ctx, fmt.Errorf("handing tasks to the queue: %w", err))
		}
	case len(places) > 1:
		for n := range places {
			s.enqueue(ctx, rows, places[n:n+1], results)
		}
	default:
		results[places[0]] = s.refused(ctx, tasks[0].ID, err)
	}
}

// refused ends a task that the queue will not have.
func (s *Service) refused(ctx context.Context, id core.TaskID, cause error) work.Result {
	s.logger.Warn("queue refused a task", "task_id", id, "error", cause)
	err := s.ReportTasks(ctx, []core.TaskReport{{
		Task: id, Attempt: 1, Status: core.JobInfrastructureFail, Reason: core.ErrorMessage(cause), At: s.clock(),
	}})
	if err != nil {
		return fail(ctx, fmt.Errorf("ending a refused task: %w", err))
	}
	return work.Delete()
}

// stop passes on the cancels of rows whose tasks the queue has.
func (s *Service) stop(ctx context.Context, rows []*handover, results []work.Result) {
	var ids []core.TaskID
	var places []int
	for i, row := range rows {
		if row.Cancel && results[i] == work.Delete() {
			ids = append(ids, core.TaskID(row.ID))
			places = append(places, i)
		}
	}
	if len(ids) == 0 {
		return
	}
	if err := s.queue.CancelTasks(ctx, ids); err != nil {
		for _, i := range places {
			results[i] = fail(ctx, fmt.Errorf("canceling tasks: %w", err))
		}
	}
}

// fail has a hand-over tried again for as long as it takes. Nothing is wrong
// with the row whatever the receiver said, and to set it aside would leave its
// job waiting for ever: so it counts as the receiver being away.
func fail(ctx context.Context, err error) work.Result {
	if ctx.Err() != nil {
		return work.Fail(err)
	}
	return work.Fail(&core.Error{Code: core.CodeUnavailable, Err: err})
}

// tidyBranches cancels the workflows of older pipelines on branches where a
// newer one has come. It looks at all of a branch whoever's arrival marked it,
// so an older pipeline that took longer to compile is met as well.
func (s *Service) tidyBranches(ctx context.Context, rows []*branch) []work.Result {
	results := make([]work.Result, len(rows))
	for i, row := range rows {
		results[i] = work.Delete()
		if err := s.tidyBranch(ctx, row); err != nil {
			results[i] = fail(ctx, fmt.Errorf("canceling redundant workflows: %w", err))
		}
	}
	return results
}

func (s *Service) tidyBranch(ctx context.Context, row *branch) error {
	var newest int64
	err := s.db.NewSelect().Model((*workflow)(nil)).ColumnExpr("COALESCE(max(pipeline_number), 0)").
		Where("project_id = ?", row.Project).Where("branch = ?", row.Branch).Where("supersedes").Scan(ctx, &newest)
	if err != nil {
		return fmt.Errorf("looking for the newest pipeline: %w", err)
	}
	var old []core.WorkflowID
	err = s.db.NewSelect().Model((*workflow)(nil)).Column("id").
		Where("project_id = ?", row.Project).Where("branch = ?", row.Branch).Where("pipeline_number < ?", newest).
		Where("stopped_at IS NULL").Where("redundant").Where("NOT cancel_asked").Order("id").Scan(ctx, &old)
	if err != nil {
		return fmt.Errorf("looking for older workflows: %w", err)
	}
	reason := fmt.Sprintf("pipeline %d of branch %s made this workflow redundant", newest, row.Branch)
	for _, id := range old {
		err := s.cancelWorkflow(ctx, core.WorkflowCancel{Workflow: id}, reason)
		if err != nil && core.ErrorCode(err) != core.CodeConflict {
			return err
		}
		s.logger.Info("redundant workflow canceled", "workflow_id", id, "by_pipeline_number", newest)
	}
	return nil
}
