// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

func (s *Service) newHandoverLoop(registry prometheus.Registerer) (*work.Loop[*handover], error) {
	return work.New(work.Config[*handover]{
		Name: handoverTopic, Table: handoverTable, DB: s.db, Hints: s.hints, Topic: handoverTopic,
		Clock: s.clock, Logger: s.logger, Metrics: registry,
		Batch: 32, Lease: s.cfg.Lease, Poll: s.cfg.Poll,
		Handle: func(ctx context.Context, rows []*handover) []work.Result {
			results := make([]work.Result, len(rows))
			for i, row := range rows {
				results[i] = work.Delete()
				if err := s.deliver(ctx, core.PipelineID(row.ID)); err != nil {
					results[i] = fail(ctx, fmt.Errorf("handing over pipeline %s: %w", row.ID, err))
				}
			}
			return results
		},
	})
}

// deliver tells workflows of a pipeline as it stands now: that it is canceled,
// or else what its workflows are. A cancel that comes while the workflows are
// on their way marks the row due again and follows them.
//
// Each pipeline is a call of its own: its workflows may be megabytes, and one
// that is refused is no other's trouble.
func (s *Service) deliver(ctx context.Context, id core.PipelineID) error {
	p, err := find(ctx, s.db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", id) })
	if err != nil {
		return err
	}
	if p == nil {
		return unknownPipeline(id)
	}
	if p.Canceled {
		return s.workflows.CancelPipelineWorkflows(ctx, id)
	}
	if p.State != core.PipelinePending {
		return nil
	}
	var c config
	if err := s.db.NewSelect().Model(&c).Column("workflows").Where("pipeline_id = ?", id).Scan(ctx); err != nil {
		return readFailure("reading the plan", err)
	}
	refusal := s.workflows.CreateWorkflows(ctx, newWorkflows(p, c.Workflows.V))
	if refusal != nil && core.ErrorCode(refusal) != core.CodeInvalid {
		return refusal
	}
	_, err = s.changePipeline(ctx, id, func(_ context.Context, _ bun.Tx, p *pipeline) (bool, error) {
		if p.State != core.PipelinePending {
			return false, nil
		}
		p.State = core.PipelineCreated
		if refusal != nil {
			p.State = core.PipelineErrored
			p.Errors.V = []core.PipelineError{{Type: errorPlan, Message: core.ErrorMessage(refusal)}}
		}
		return true, nil
	})
	return err
}

func newWorkflows(p *pipeline, planned []plannedWorkflow) []core.NewWorkflow {
	pipeline := core.PipelineContext{
		ID: p.id(), Number: p.Number, Project: p.Context.V, Trigger: p.Trigger.V, Source: p.Source.V,
	}
	out := make([]core.NewWorkflow, len(planned))
	for i, w := range planned {
		out[i] = core.NewWorkflow{ID: w.ID, Pipeline: pipeline, Plan: w.Plan}
	}
	return out
}

// fail has a hand-over tried again for as long as it takes: nothing is wrong
// with the row whatever the receiver said, and to set it aside would leave a
// pipeline pending for ever.
func fail(ctx context.Context, err error) work.Result {
	if ctx.Err() != nil {
		return work.Fail(err)
	}
	return work.Fail(&core.Error{Code: core.CodeUnavailable, Err: err})
}
