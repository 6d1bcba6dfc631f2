// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// Pipeline implements core.Pipelines.
func (s *Service) Pipeline(ctx context.Context, id core.PipelineID) (core.Pipeline, error) {
	p, err := s.row(ctx, id)
	if err != nil {
		return core.Pipeline{}, err
	}
	return p.noun(), nil
}

// row reads a pipeline that must be there.
func (s *Service) row(ctx context.Context, id core.PipelineID) (*pipeline, error) {
	p, err := find(ctx, s.db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?", id) })
	if p == nil && err == nil {
		err = unknownPipeline(id)
	}
	return p, err
}

// PipelineByNumber implements core.Pipelines.
func (s *Service) PipelineByNumber(ctx context.Context, ref core.PipelineRef) (core.Pipeline, error) {
	p, err := find(ctx, s.db, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("project_id = ?", ref.Project).Where("number = ?", ref.Number)
	})
	if p == nil && err == nil {
		err = core.Errorf(core.CodeNotFound, "the project has no pipeline %d", ref.Number)
	}
	if err != nil {
		return core.Pipeline{}, err
	}
	return p.noun(), nil
}

// PipelineConfig implements core.Pipelines.
func (s *Service) PipelineConfig(ctx context.Context, id core.PipelineID) (core.PipelineConfig, error) {
	var c config
	err := s.db.NewSelect().Model(&c).Column("given", "source", "compiled").Where("pipeline_id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return core.PipelineConfig{}, unknownPipeline(id)
	}
	if err != nil {
		return core.PipelineConfig{}, readFailure("reading the configs", err)
	}
	if c.Source == "" {
		c.Source = c.Given
	}
	k, err := findContinuation(ctx, s.db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("pipeline_id = ?", id) })
	if err != nil || k == nil {
		return core.PipelineConfig{Source: c.Source, Compiled: c.Compiled}, err
	}
	return core.PipelineConfig{Source: k.Config, Compiled: k.Compiled, Setup: c.Source, CompiledSetup: c.Compiled}, nil
}

// PipelineValues implements core.Pipelines. They are not stored, since they
// follow from the row.
func (s *Service) PipelineValues(ctx context.Context, id core.PipelineID) (core.PipelineValues, error) {
	p, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	var c config
	err = s.db.NewSelect().Model(&c).Column("given", "path").Where("pipeline_id = ?", id).Scan(ctx)
	if err != nil {
		return nil, readFailure("reading the configs", err)
	}
	return pipelineValues(p, p.Source.V, c.Path, c.Given != ""), nil
}

// position is where a page of the list ended. Within a project the order is
// that of the numbers, over several that of creation.
type position struct {
	Number    int64  `json:"n,omitempty"`
	CreatedAt int64  `json:"t,omitempty"`
	ID        string `json:"i,omitempty"`
}

func (p position) token() string {
	text, _ := json.Marshal(p) // of two numbers and a string: cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// maxToken bounds what is decoded.
const maxToken = 512

func readToken(token string) (position, error) {
	var p position
	if len(token) <= maxToken {
		text, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil && json.Unmarshal(text, &p) == nil && (p.Number > 0 || p.CreatedAt != 0) {
			return p, nil
		}
	}
	return p, core.Errorf(core.CodeInvalid, "the page token is not one that a list of pipelines gave out")
}

// ListPipelines implements core.Pipelines.
func (s *Service) ListPipelines(ctx context.Context, f core.PipelineFilter) (core.PipelineList, error) {
	limit, err := pageLimit(f.Page.Limit)
	if err != nil {
		return core.PipelineList{}, err
	}
	var rows []*pipeline
	q := s.db.NewSelect().Model(&rows).Limit(int64(limit) + 1)
	if f.Project != "" {
		q = q.Where("project_id = ?", f.Project).Order("number DESC")
	} else {
		q = q.Order("created_at DESC", "id DESC")
	}
	if f.Branch != "" {
		q = q.Where("branch = ?", f.Branch)
	}
	if f.Actor != "" {
		q = q.Where("actor_id = ?", f.Actor)
	}
	if f.Page.Token != "" {
		at, err := readToken(f.Page.Token)
		if err != nil {
			return core.PipelineList{}, err
		}
		if f.Project != "" {
			q = q.Where("number < ?", at.Number)
		} else {
			q = q.Where("(created_at, id) < (?, ?)", at.CreatedAt, at.ID)
		}
	}
	if err := q.Scan(ctx); err != nil {
		return core.PipelineList{}, readFailure("listing pipelines", err)
	}
	return page(rows, limit, f.Project != ""), nil
}

func pageLimit(limit int) (int, error) {
	switch {
	case limit < 0 || limit > maxPage:
		return 0, core.Errorf(core.CodeInvalid, "a page has 1 to %d pipelines; %d were asked for", maxPage, limit)
	case limit == 0:
		return defaultPage, nil
	default:
		return limit, nil
	}
}

// page cuts off the row that was read only to see whether more follow.
func page(rows []*pipeline, limit int, byNumber bool) core.PipelineList {
	list := core.PipelineList{Items: []core.Pipeline{}}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		at := position{CreatedAt: last.CreatedAt.Time().UnixMicro(), ID: last.ID}
		if byNumber {
			at = position{Number: last.Number}
		}
		list.Next = at.token()
	}
	for _, p := range rows {
		list.Items = append(list.Items, p.noun())
	}
	return list
}
