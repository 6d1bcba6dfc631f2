// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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
	if p, err := s.decided(ctx, n.ID); err != nil {
		return core.Pipeline{}, err
	} else if p != nil {
		return *p, nil
	}
	if err := n.Project.Refusal(); err != nil {
		return core.Pipeline{}, err
	}
	row, heeds := newPipeline(n, s.now()), heedsMessage(n)
	if heeds {
		source, err := s.readMessage(ctx, row.Source.V)
		if err != nil {
			return core.Pipeline{}, err
		}
		if reason := skipReason(source); reason != "" {
			return s.leaveSkip(ctx, row, reason)
		}
		row.Source.V, row.Branch = source, source.Branch
	}
	born := s.compiles.Lease(row)
	defer born.Drop()
	err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if heeds {
			if err := holdSkip(ctx, tx, row); err != nil {
				return err
			}
		}
		return insertPipeline(ctx, tx, row, n.Config)
	})
	if store.IsUnique(err) {
		// The same request came twice at once, and the other was first.
		return s.answer(ctx, n.ID)
	}
	if err != nil {
		return core.Pipeline{}, fmt.Errorf("creating the pipeline: %w", err)
	}
	s.states.WithLabelValues(string(core.PipelinePending)).Inc()
	made := row.noun()
	born.Hand(ctx)
	return made, nil
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
	case strings.ContainsRune(n.Config+n.Source.Branch+n.Source.Fork+string(n.Trigger.Actor.ID), 0):
		return core.Errorf(core.CodeInvalid, "the config, the name of the branch, or that of the fork has a NUL character in it")
	case len(n.Trigger.PullRequests) > core.MaxPullRequests:
		return core.Errorf(core.CodeInvalid, "the trigger has %d pull requests; at most %d are allowed", len(n.Trigger.PullRequests), core.MaxPullRequests)
	case slices.ContainsFunc(n.Trigger.PullRequests, func(p core.PullRequest) bool { return strings.ContainsRune(p.URL+p.Author, 0) }):
		return core.Errorf(core.CodeInvalid, "a pull request of the trigger has a NUL character in its URL or its author")
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
