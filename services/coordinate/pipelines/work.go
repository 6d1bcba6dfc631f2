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
	if !p.Planned || !awaitsWorkflows(p.State) {
		return nil // told before, or continued meanwhile: then its plan is yet to come
	}
	planned, err := s.plannedWorkflows(ctx, p)
	if err != nil {
		return err
	}
	refusal := s.workflows.CreateWorkflows(ctx, newWorkflows(p, planned))
	if refusal != nil && core.ErrorCode(refusal) != core.CodeInvalid {
		return refusal
	}
	told := p.State
	_, err = s.changePipeline(ctx, id, func(_ context.Context, _ bun.Tx, p *pipeline) (bool, error) {
		if p.State != told || !p.Planned {
			return false, nil
		}
		p.State = core.PipelineCreated
		if told == core.PipelineSetupPending {
			p.State = core.PipelineSetup
		}
		if refusal != nil {
			p.State = core.PipelineErrored
			p.Errors.V = []core.PipelineError{{Type: errorPlan, Message: core.ErrorMessage(refusal)}}
		}
		return true, nil
	})
	return err
}

// awaitsWorkflows tells whether a planned pipeline's workflows may not be there.
func awaitsWorkflows(state core.PipelineState) bool {
	return state == core.PipelinePending || state == core.PipelineSetupPending
}

// plannedWorkflows are those of the plan that was stored last.
func (s *Service) plannedWorkflows(ctx context.Context, p *pipeline) ([]plannedWorkflow, error) {
	if p.Continued {
		k, err := continuationOf(ctx, s.db, p.id())
		if err != nil {
			return nil, err
		}
		return k.Workflows.V, nil
	}
	var c config
	if err := s.db.NewSelect().Model(&c).Column("workflows").Where("pipeline_id = ?", p.ID).Scan(ctx); err != nil {
		return nil, readFailure("reading the plan", err)
	}
	return c.Workflows.V, nil
}

func newWorkflows(p *pipeline, planned []plannedWorkflow) []core.NewWorkflow {
	pipeline := core.PipelineContext{
		ID: p.id(), Number: p.Number, Project: p.Context.V, Trigger: p.Trigger.V, Source: p.Source.V,
	}
	out := make([]core.NewWorkflow, len(planned))
	for i, w := range planned {
		out[i] = core.NewWorkflow{ID: w.ID, Pipeline: pipeline, Plan: w.Plan, Setup: p.Setup && !p.Continued}
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
