// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// CreatePipeline implements core.Pipelines.
func (s *Service) CreatePipeline(ctx context.Context, n core.NewPipeline) (core.Pipeline, error) {
	if err := s.check(n); err != nil {
		return core.Pipeline{}, err
	}
	row := newPipeline(n, s.now())
	known := func(db bun.IDB) (*pipeline, error) {
		return find(ctx, db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", n.ID) })
	}
	if p, err := known(s.db); err != nil || p != nil {
		return answer(p, err)
	}
	if err := n.Project.Refusal(); err != nil {
		return core.Pipeline{}, err
	}
	born := s.compiles.Lease(row)
	defer born.Drop()
	err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return insertPipeline(ctx, tx, row, n.Config)
	})
	if store.IsUnique(err) {
		// The same request came twice at once, and the other was first.
		return answer(known(s.db))
	}
	if err != nil {
		return core.Pipeline{}, fmt.Errorf("creating the pipeline: %w", err)
	}
	s.states.WithLabelValues(string(core.PipelinePending)).Inc()
	made := row.noun()
	born.Hand(ctx)
	return made, nil
}

func answer(p *pipeline, err error) (core.Pipeline, error) {
	if err != nil {
		return core.Pipeline{}, err
	}
	if p == nil {
		return core.Pipeline{}, core.Errorf(core.CodeInternal, "a pipeline is there and is not")
	}
	return p.noun(), nil
}

// check bounds what came from outside.
func (s *Service) check(n core.NewPipeline) error {
	switch {
	case n.ID == "" || n.Project.ID == "":
		return core.Errorf(core.CodeInvalid, "a new pipeline needs an id and a project")
	case n.Source.Branch != "" && n.Source.Tag != "":
		return core.Errorf(core.CodeInvalid, "a pipeline builds either a branch or a tag; give one of them")
	case len(n.Config) > s.cfg.MaxConfig:
		return core.Errorf(core.CodeInvalid, "the config has %d bytes; at most %d are allowed", len(n.Config), s.cfg.MaxConfig)
	case strings.ContainsRune(n.Config+n.Source.Branch+string(n.Trigger.Actor.ID), 0):
		return core.Errorf(core.CodeInvalid, "the config, or the name of the branch, has a NUL character in it")
	}
	parameters, err := json.Marshal(n.Parameters)
	if err != nil {
		return core.Errorf(core.CodeInvalid, "the pipeline parameters cannot be stored: %w", err)
	}
	if len(parameters) > s.cfg.MaxParameters {
		return core.Errorf(core.CodeInvalid, "the pipeline parameters have %d bytes as JSON; at most %d are allowed", len(parameters), s.cfg.MaxParameters)
	}
	return nil
}

// newPipeline lays out the row. A trigger that names no tree builds the
// project's default branch, and no address means the project's.
func newPipeline(n core.NewPipeline, now store.Time) *pipeline {
	source := n.Source
	if source.Branch == "" && source.Tag == "" && source.Revision == "" {
		source.Branch = n.Project.DefaultBranch
	}
	if source.RepositoryURL == "" && source.Bundle == "" {
		source.RepositoryURL = n.Project.RepositoryURL
	}
	trigger := n.Trigger
	if trigger.ReceivedAt.IsZero() {
		trigger.ReceivedAt = now.Time()
	}
	return &pipeline{
		Item:    work.Item{ID: string(n.ID), DueAt: now},
		Project: n.Project.ID, Branch: source.Branch, Actor: trigger.Actor.ID,
		Context: store.JSON[core.Project]{V: n.Project}, Trigger: store.JSON[core.Trigger]{V: trigger},
		Parameters: store.JSON[map[string]any]{V: n.Parameters}, Source: store.JSON[core.Source]{V: source},
		Bundle: source.Bundle,
		State:  core.PipelinePending, CreatedAt: now, UpdatedAt: now,
	}
}

// CancelPipeline implements core.Pipelines. One that is pending ends at once;
// workflows hears of it in any case in which it may have, or may yet get, some.
func (s *Service) CancelPipeline(ctx context.Context, id core.PipelineID) error {
	_, err := s.changePipeline(ctx, id, func(ctx context.Context, tx bun.Tx, p *pipeline) (bool, error) {
		if p.State == core.PipelineErrored && !p.Setup {
			return false, nil
		}
		p.Canceled = true
		if p.State != core.PipelineErrored { // a broken continuation, while the setup workflow goes on
			p.State = core.PipelineCreated
		}
		if !p.Planned && !p.Setup {
			return true, nil
		}
		return true, leaveHandover(ctx, tx, p.id(), s.now())
	})
	if err != nil {
		return fmt.Errorf("canceling the pipeline: %w", err)
	}
	s.hints.Notify(handoverTopic)
	return nil
}
