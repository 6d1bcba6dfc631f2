// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// The types of CircleCI's pipeline errors that occur here.
const (
	errorConfig  = "config"
	errorFetch   = "config-fetch"
	errorPlan    = "plan"
	errorOther   = "other"
	errorTimeout = "timeout"
)

// newCompileLoop claims one pipeline at a time: a repository that is slow to
// fetch holds up no other.
func (s *Service) newCompileLoop(registry prometheus.Registerer) (*work.Loop[*pipeline], error) {
	return work.New(work.Config[*pipeline]{
		Name: pipelineTopic, Table: pipelineTable, DB: s.db, Hints: s.hints, Topic: pipelineTopic,
		Clock: s.clock, Logger: s.logger, Metrics: registry,
		Batch: 1, Workers: s.cfg.Compilers, Lease: s.cfg.Lease, Poll: s.cfg.Poll, MaxTries: s.cfg.MaxTries,
		Handle: func(ctx context.Context, rows []*pipeline) []work.Result {
			results := make([]work.Result, len(rows))
			for i, p := range rows {
				results[i] = s.compile(ctx, p)
			}
			return results
		},
	})
}

// outcome is what became of a pipeline's config.
type outcome struct {
	source    core.Source
	config    string
	path      string // of the config in the repository; "" for one that was given
	compiled  string
	workflows []plannedWorkflow
	orbs      []core.LockedOrb
	errors    []core.PipelineError
	warnings  []core.PipelineError
	// setup is the way on from a setup config; nil for any other.
	setup *continuation
	// continues: the config is the one that a setup pipeline was continued with.
	continues bool
}

// compile takes a pending pipeline to its plan or its errors. It may run twice
// for one pipeline, also at once: what was stored first stays.
func (s *Service) compile(ctx context.Context, p *pipeline) work.Result {
	if inSetup(p.State) {
		return s.expire(ctx, p)
	}
	if p.State != core.PipelinePending || p.Planned {
		return work.Done()
	}
	o, err := s.prepare(ctx, p)
	if err != nil && !s.hopeless(ctx, p, err) {
		return work.Fail(fmt.Errorf("compiling pipeline %s: %w", p.ID, err))
	}
	if err != nil {
		s.logger.Error("failed to compile a pipeline", "pipeline_id", p.ID, "error", err)
		o = outcome{source: p.Source.V, continues: p.Continued, errors: []core.PipelineError{{Type: errorOther, Message: core.ErrorMessage(err)}}}
	}
	if err := s.storeOutcome(ctx, p.id(), o); err != nil {
		return work.Fail(fmt.Errorf("storing the plan of pipeline %s: %w", p.ID, err))
	}
	if o.setup != nil {
		return work.Again(o.setup.ExpiresAt.Time())
	}
	return work.Done()
}

// hopeless tells whether a pipeline should end with err. A peer that is away is
// worth any number of tries; an answer that says no is final; for the rest a
// few more tries may help, but a pipeline that nobody hears of again does not.
func (s *Service) hopeless(ctx context.Context, p *pipeline, err error) bool {
	if ctx.Err() != nil || store.IsUnavailable(err) {
		return false
	}
	switch core.ErrorCode(err) {
	case core.CodeUnavailable, core.CodeExhausted:
		return false
	case core.CodeInvalid, core.CodeNotFound, core.CodeForbidden:
		return true
	default:
		return p.Tries+1 >= s.cfg.MaxTries
	}
}

// prepare fetches and compiles; it stores nothing.
func (s *Service) prepare(ctx context.Context, p *pipeline) (outcome, error) {
	var c config
	if err := s.db.NewSelect().Model(&c).Where("pipeline_id = ?", p.ID).Scan(ctx); err != nil {
		return outcome{}, readFailure("reading the config that was given", err)
	}
	o := outcome{source: p.Source.V, config: c.Given}
	request := core.CompileRequest{Parameters: p.Parameters.V}
	var err error
	if p.Continued {
		if o, request, err = s.continued(ctx, p, c); err != nil || finishes(o.config) {
			return o, err
		}
	} else {
		if err = s.fetch(ctx, &o); err != nil || len(o.errors) > 0 {
			return o, err
		}
		request.Path = o.path
	}
	request.Config, request.Values = o.config, pipelineValues(p, o.source, o.path, c.Given != "")
	request.OrganizationID, request.Orbs = p.Context.V.Organization.ID, c.Orbs.V
	result, err := s.configs.Compile(ctx, request)
	if err != nil {
		return o, fmt.Errorf("asking for a plan: %w", err)
	}
	o.orbs = lock(c.Orbs.V, result.Orbs)
	return s.planned(ctx, p, o, result)
}

// planned adds what the compiler made of the config.
func (s *Service) planned(ctx context.Context, p *pipeline, o outcome, result core.CompileResult) (outcome, error) {
	o.compiled = result.Processed
	o.warnings = append(o.warnings, pipelineErrors(errorConfig, result.Warnings)...)
	if len(result.Errors) > 0 || result.Plan == nil {
		o.errors = pipelineErrors(errorConfig, result.Errors)
		if len(o.errors) == 0 {
			o.errors = []core.PipelineError{{Type: errorPlan, Message: "the config compiled to no plan"}}
		}
		return o, nil
	}
	refused, warned := findGaps(result.Plan)
	o.warnings = append(o.warnings, warned...)
	if o.errors = refused; len(refused) > 0 {
		return o, nil
	}
	for _, w := range result.Plan.Workflows {
		o.workflows = append(o.workflows, plannedWorkflow{ID: core.WorkflowID(s.newID()), Plan: w})
	}
	if !result.Plan.Setup || len(o.workflows) == 0 {
		return o, nil
	}
	var err error
	o.setup, err = s.newContinuation(ctx, p.id(), result.Parameters)
	return o, err
}

// fetch resolves the source and, unless the trigger brought a config, reads the
// config out of it. With a config at hand a source that cannot be read is only
// worth a warning: jobs need not check anything out.
func (s *Service) fetch(ctx context.Context, o *outcome) error {
	given := o.config != ""
	if o.source.RepositoryURL == "" && o.source.Bundle == "" {
		if !given {
			o.errors = []core.PipelineError{{Type: errorFetch, Message: "there is no config: the project has no repository URL, and neither a bundle nor a config came with the trigger"}}
		}
		return nil
	}
	result, err := s.configs.Fetch(ctx, core.FetchRequest{Source: o.source})
	if err != nil {
		return fmt.Errorf("asking for the config: %w", err)
	}
	resolved := result.Source.Revision != ""
	if resolved {
		o.source = result.Source
	}
	switch {
	case !given:
		o.config, o.path = result.Config, result.Path
		o.errors = pipelineErrors(errorFetch, result.Errors)
		if len(o.errors) == 0 && o.config == "" {
			o.errors = []core.PipelineError{{Type: errorFetch, Message: cmp.Or(o.path, configPath) + " is empty"}}
		}
	case !resolved:
		o.warnings = pipelineErrors(errorFetch, result.Errors)
	}
	return nil
}

func pipelineErrors(kind string, errs []core.ConfigError) []core.PipelineError {
	var out []core.PipelineError
	for _, e := range errs {
		out = append(out, core.PipelineError{Type: kind, Message: e.String()})
	}
	return out
}

// storeOutcome stores what became of the config, with the hand-over of the
// workflows, in one transaction; later outcomes of the same config change
// nothing.
func (s *Service) storeOutcome(ctx context.Context, id core.PipelineID, o outcome) error {
	row := &handover{Item: work.Item{ID: string(id), DueAt: s.now()}}
	born := s.handovers.Lease(row)
	defer born.Drop()
	handed := false
	_, err := s.changePipeline(ctx, id, func(ctx context.Context, tx bun.Tx, p *pipeline) (bool, error) {
		if handed = false; p.State != core.PipelinePending || p.Planned || p.Continued != o.continues {
			return false, nil
		}
		p.Source.V, p.Errors.V, p.Warnings.V = o.source, o.errors, o.warnings
		switch {
		case len(o.errors) > 0:
			p.State = core.PipelineErrored
		case len(o.workflows) == 0:
			p.State = core.PipelineCreated
		default:
			p.Planned, handed = true, !o.continues
			if err := s.plan(ctx, tx, p, o, row); err != nil {
				return false, err
			}
		}
		if err := writeConfig(ctx, tx, id, o); err != nil {
			return false, fmt.Errorf("writing the configs: %w", err)
		}
		return true, nil
	})
	switch {
	case err == nil && handed:
		born.Hand(ctx)
	case err == nil:
		s.hints.Notify(handoverTopic)
	}
	return err
}

// plan leaves the hand-over of a plan's workflows. That of a setup config may
// still be there when its continuation comes.
func (s *Service) plan(ctx context.Context, tx bun.Tx, p *pipeline, o outcome, row *handover) error {
	if o.continues {
		return leaveHandover(ctx, tx, p.id(), s.now())
	}
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("leaving the hand-over: %w", err)
	}
	if o.setup == nil {
		return nil
	}
	p.State, p.Setup = core.PipelineSetupPending, true
	if _, err := tx.NewInsert().Model(o.setup).Exec(ctx); err != nil {
		return fmt.Errorf("writing the continuation key: %w", err)
	}
	return nil
}

// writeConfig keeps the texts and the workflows, of a continuation apart from
// those of the setup config.
func writeConfig(ctx context.Context, tx bun.Tx, id core.PipelineID, o outcome) error {
	if o.continues {
		k := continuation{Pipeline: id, Compiled: clean(o.compiled)}
		k.Workflows.V = o.workflows
		if _, err := tx.NewUpdate().Model(&k).Column("compiled", "workflows").WherePK().Exec(ctx); err != nil {
			return err
		}
		if len(o.orbs) == 0 {
			return nil // it came to no compilation
		}
		c := config{Pipeline: id}
		c.Orbs.V = o.orbs
		_, err := tx.NewUpdate().Model(&c).Column("orbs").WherePK().Exec(ctx)
		return err
	}
	c := config{Pipeline: id, Source: clean(o.config), Path: clean(o.path), Compiled: clean(o.compiled)}
	c.Workflows.V, c.Orbs.V = o.workflows, o.orbs
	_, err := tx.NewUpdate().Model(&c).Column("source", "path", "compiled", "workflows", "orbs").WherePK().Exec(ctx)
	return err
}

// clean makes a text fit for a column; PostgreSQL takes neither NUL nor broken
// UTF-8, and a repository may hold anything.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
}
