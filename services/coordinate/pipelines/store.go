// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// pipeline is a row of pipelines. What stands below State changes.
type pipeline struct {
	bun.BaseModel `bun:"table:pipelines"`
	work.Item

	Project    core.ProjectID             `bun:"project_id"`
	Number     int64                      `bun:"number"`
	Branch     string                     `bun:"branch"`
	Actor      core.UserID                `bun:"actor_id"`
	Context    store.JSON[core.Project]   `bun:"project,type:text"`
	Trigger    store.JSON[core.Trigger]   `bun:"trigger_event,type:text"`
	Parameters store.JSON[map[string]any] `bun:"parameters,type:text"`
	Bundle     string                     `bun:"bundle"` // of Source
	CreatedAt  store.Time                 `bun:"created_at,type:bigint"`

	State     core.PipelineState               `bun:"state"`
	Planned   bool                             `bun:"planned"`
	Canceled  bool                             `bun:"canceled"`
	Setup     bool                             `bun:"setup"`
	Continued bool                             `bun:"continued"`
	Source    store.JSON[core.Source]          `bun:"source,type:text"`
	Errors    store.JSON[[]core.PipelineError] `bun:"errors,type:text"`
	Warnings  store.JSON[[]core.PipelineError] `bun:"warnings,type:text"`
	UpdatedAt store.Time                       `bun:"updated_at,type:bigint"`
}

// pipelineChanges are the columns of pipelines that change after the insert,
// but for those of work.Item.
var pipelineChanges = []string{"state", "planned", "canceled", "setup", "continued", "source", "errors", "warnings", "updated_at"}

func (p *pipeline) id() core.PipelineID { return core.PipelineID(p.ID) }

func (p *pipeline) noun() core.Pipeline {
	return core.Pipeline{
		ID: p.id(), Project: p.Project, Number: p.Number, State: p.State,
		Errors: p.Errors.V, Warnings: p.Warnings.V, Trigger: p.Trigger.V, Source: p.Source.V,
		Parameters: p.Parameters.V, Canceled: p.Canceled, Setup: p.Setup,
		CreatedAt: p.CreatedAt.Time(), UpdatedAt: p.UpdatedAt.Time(),
	}
}

// config is a row of configs.
type config struct {
	bun.BaseModel `bun:"table:configs"`

	Pipeline  core.PipelineID               `bun:"pipeline_id,pk"`
	Given     string                        `bun:"given"`
	Source    string                        `bun:"source"`
	Path      string                        `bun:"path"` // of the source in the repository
	Compiled  string                        `bun:"compiled"`
	Workflows store.JSON[[]plannedWorkflow] `bun:"workflows,type:text"`
	// Orbs is the lock of all the pipeline's compilations.
	Orbs store.JSON[[]core.LockedOrb] `bun:"orbs,type:text"`
}

// plannedWorkflow is a workflow of the plan with the id that it will have.
type plannedWorkflow struct {
	ID   core.WorkflowID   `json:"id"`
	Plan core.WorkflowPlan `json:"plan"`
}

// handover is a row of handovers; its id is the pipeline's.
type handover struct {
	bun.BaseModel `bun:"table:handovers"`
	work.Item
}

const (
	pipelineTable = "pipelines"
	pipelineTopic = "pipelines.pipelines"
	handoverTable = "handovers"
	handoverTopic = "pipelines.handovers"
)

func unknownPipeline(id core.PipelineID) error {
	return core.Errorf(core.CodeNotFound, "there is no pipeline %s", id)
}

// readFailure wraps the error of a read, and says so when it is the database
// that is away: callers try that again.
func readFailure(doing string, err error) error {
	if store.IsUnavailable(err) {
		return &core.Error{Code: core.CodeUnavailable, Message: doing + ": the database cannot be reached just now", Err: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// find returns the one row that narrow selects, nil when there is none.
func find(ctx context.Context, db bun.IDB, narrow func(*bun.SelectQuery) *bun.SelectQuery) (*pipeline, error) {
	p := new(pipeline)
	err := narrow(db.NewSelect().Model(p)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, readFailure("reading the pipeline", err)
	}
	return p, nil
}

// insertPipeline stores a new pipeline under the next number of its project.
// The number's row is held to the end of the transaction: one that fails gives
// its number back, so there are no gaps.
func insertPipeline(ctx context.Context, tx bun.Tx, p *pipeline, given string) error {
	err := tx.NewRaw(`INSERT INTO pipeline_numbers (project_id, last) VALUES (?, 1)
		ON CONFLICT (project_id) DO UPDATE SET last = pipeline_numbers.last + 1 RETURNING last`, p.Project).
		Scan(ctx, &p.Number)
	if err != nil {
		return fmt.Errorf("numbering the pipeline: %w", err)
	}
	if _, err := tx.NewInsert().Model(p).Exec(ctx); err != nil {
		return fmt.Errorf("writing the pipeline: %w", err)
	}
	if _, err := tx.NewInsert().Model(&config{Pipeline: p.id(), Given: given}).Exec(ctx); err != nil {
		return fmt.Errorf("writing its config: %w", err)
	}
	return nil
}

// changePipeline holds the row of a pipeline, lets do change it and writes it
// when do says so.
func (s *Service) changePipeline(ctx context.Context, id core.PipelineID, do func(context.Context, bun.Tx, *pipeline) (bool, error)) (*pipeline, error) {
	var p *pipeline
	before := core.PipelineState("")
	err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		p, err = find(ctx, tx, func(q *bun.SelectQuery) *bun.SelectQuery { return s.db.ForUpdate(q.Where("id = ?", id)) })
		if err != nil {
			return err
		}
		if p == nil {
			return unknownPipeline(id)
		}
		before = p.State
		changed, err := do(ctx, tx, p)
		if err != nil || !changed {
			return err
		}
		p.UpdatedAt = s.now()
		if _, err := tx.NewUpdate().Model(p).Column(pipelineChanges...).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("writing the pipeline: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if p.State != before {
		s.states.WithLabelValues(string(p.State)).Inc()
		s.logger.Info("pipeline changed state", "pipeline_id", p.ID, "state", p.State)
	}
	return p, nil
}

// leaveHandover has workflows told again of a pipeline that has its plan.
func leaveHandover(ctx context.Context, tx bun.Tx, id core.PipelineID, now store.Time) error {
	row := &handover{Item: work.Item{ID: string(id)}}
	// An update that changes nothing holds the row, so that a loop which is done
	// with an earlier hand-over cannot delete it before the mark.
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").Set("tries = 0").Exec(ctx); err != nil {
		return fmt.Errorf("leaving the hand-over: %w", err)
	}
	return work.MarkDue(ctx, tx, handoverTable, now.Time(), string(id))
}
