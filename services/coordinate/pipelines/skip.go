// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// skipWords in the message of a commit keep its pipeline from being made. They
// count in lower case only, as CircleCI documents them, and wherever they stand:
// its documentation spoke of the first 250 characters for years, which its code
// never did (https://github.com/circleci/circleci-docs/pull/10724).
var skipWords = []string{"[ci skip]", "[skip ci]"}

// keepSkips is how long the same request has the same answer: forges and clients
// send one again for days, not for weeks.
const keepSkips = 30 * 24 * time.Hour

// skip is a row of skips: a request that made no pipeline.
type skip struct {
	bun.BaseModel `bun:"table:skips"`

	ID        core.PipelineID `bun:"id,pk"`
	Project   core.ProjectID  `bun:"project_id"`
	Reason    string          `bun:"reason"`
	CreatedAt store.Time      `bun:"created_at,type:bigint"`
}

func (k *skip) noun() core.Pipeline {
	return core.Pipeline{ID: k.ID, Project: k.Project, Skipped: k.Reason}
}

// heedsMessage tells whether the message of the commit has a say. It has with
// what a forge tells of the project's own branches. It has not where somebody
// or a clock asks for a pipeline, unless the request says so and the project is
// of a kind where CircleCI heeds it then (not one of its GitHub App); not where
// a tag is built: what is released is often a commit that asked for no pipeline
// of its branch; and not for forks, as with CircleCI.
func heedsMessage(n core.NewPipeline) bool {
	switch {
	case n.Source.Fork != "" || n.Source.Tag != "":
		return false
	case n.Trigger.Type == core.TriggerWebhook:
		return true
	default:
		return n.Trigger.Type == core.TriggerAPI && n.Skippable && n.Project.Organization.VCS != "circleci"
	}
}

// skipReason returns the sentence that says why a commit gets no pipeline, ""
// for one that gets its own.
func skipReason(source core.Source) string {
	for _, part := range []struct{ name, text string }{{"title", source.Subject}, {"body", source.Body}} {
		for _, word := range skipWords {
			if strings.Contains(part.text, word) {
				return fmt.Sprintf("No pipeline was made: the %s of commit %.7s has %s in it.", part.name, source.Revision, word)
			}
		}
	}
	return ""
}

// readMessage returns the source with the message of its commit. A trigger that
// tells it, with the commit that it belongs to, is believed. One that does not
// is pinned to the commit whose message was read: a branch that moves meanwhile
// would have its next commit built, whatever that one says.
//
// A source that cannot be read is left as it is. Its pipeline is where people
// look for the reason.
func (s *Service) readMessage(ctx context.Context, source core.Source) (core.Source, error) {
	if source.Subject != "" && source.Revision != "" || source.RepositoryURL == "" && source.Bundle == "" {
		return source, nil
	}
	result, err := s.configs.Fetch(ctx, core.FetchRequest{Source: source})
	switch core.ErrorCode(err) {
	case "":
	case core.CodeInvalid, core.CodeNotFound, core.CodeForbidden:
		return source, nil
	default:
		return source, fmt.Errorf("reading the message of the commit: %w", err)
	}
	if result.Source.Revision == "" {
		return source, nil
	}
	return result.Source, nil
}

// decided returns what became of an earlier request with the id, nil when there
// was none.
func (s *Service) decided(ctx context.Context, id core.PipelineID) (*core.Pipeline, error) {
	p, err := find(ctx, s.db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", id) })
	if err != nil {
		return nil, err
	}
	if p != nil {
		known := p.noun()
		return &known, nil
	}
	k := new(skip)
	err = s.db.NewSelect().Model(k).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, readFailure("reading what was skipped", err)
	}
	known := k.noun()
	return &known, nil
}

// answer returns what became of a request that somebody else has decided.
func (s *Service) answer(ctx context.Context, id core.PipelineID) (core.Pipeline, error) {
	p, err := s.decided(ctx, id)
	if err != nil {
		return core.Pipeline{}, err
	}
	if p == nil {
		return core.Pipeline{}, core.Errorf(core.CodeInternal, "a pipeline is there and is not")
	}
	return *p, nil
}

// leaveSkip writes down that a request makes no pipeline, and returns what is
// true in the end: the same request may have made one meanwhile.
func (s *Service) leaveSkip(ctx context.Context, p *pipeline, reason string) (core.Pipeline, error) {
	k := &skip{ID: p.id(), Project: p.Project, Reason: reason, CreatedAt: p.CreatedAt}
	made := k.noun()
	err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(k).Exec(ctx); err != nil {
			return err
		}
		p, err := find(ctx, tx, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", k.ID) })
		if err != nil || p == nil {
			return err
		}
		made = p.noun()
		_, err = tx.NewDelete().Model(k).WherePK().Exec(ctx)
		return err
	})
	if store.IsUnique(err) {
		return s.answer(ctx, k.ID)
	}
	if err != nil {
		return core.Pipeline{}, fmt.Errorf("writing down what was skipped: %w", err)
	}
	if made.Skipped != "" {
		s.logger.Info("pipeline skipped", "pipeline_id", k.ID, "project_id", k.Project, "reason", k.Reason)
	}
	return made, nil
}

// holdSkip keeps the same request from being skipped while its pipeline is
// written: the row is in its way until the transaction ends, and then the
// pipeline is. It fails with a unique violation when that came first.
func holdSkip(ctx context.Context, tx bun.Tx, p *pipeline) error {
	k := &skip{ID: p.id(), CreatedAt: p.CreatedAt}
	if _, err := tx.NewInsert().Model(k).Exec(ctx); err != nil {
		return fmt.Errorf("holding the place of the pipeline: %w", err)
	}
	if _, err := tx.NewDelete().Model(k).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("giving back the place of the pipeline: %w", err)
	}
	return nil
}

// forgetSkips removes what is older than any request that is sent again.
func (s *Service) forgetSkips(ctx context.Context) error {
	before := store.At(s.clock().Add(-keepSkips))
	_, err := s.db.NewDelete().Model((*skip)(nil)).Where("created_at < ?", before).Exec(ctx)
	return err
}
