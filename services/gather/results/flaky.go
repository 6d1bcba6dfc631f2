// SPDX-License-Identifier: MPL-2.0

package results

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// flakeRow is a test that both succeeded and failed on a revision.
type flakeRow struct {
	bun.BaseModel `bun:"table:flakes,alias:f"`
	Revision      string         `bun:"revision_id,pk"`
	Test          string         `bun:"test,pk"`
	Project       core.ProjectID `bun:"project_id"`
	Name          string         `bun:"name"`
	ClassName     string         `bun:"classname"`
	File          string         `bun:"file"`
	Source        string         `bun:"source"`
	Times         int            `bun:"times"`
	Wasted        float64        `bun:"wasted"`
	Upload        string         `bun:"upload_id"`
	At            store.Time     `bun:"at"`
}

// compareUploads bounds what is compared of one revision: the newest of it.
const compareUploads = 1000

// compareLoop looks for flaky tests on revisions of which tests have come.
func (s *Service) compareLoop() (func(context.Context) error, error) {
	loop, err := work.New(work.Config[*revisionRow]{
		Name: "results.compare", Table: "revisions", DB: s.deps.DB, Hints: s.deps.Hints, Topic: revisionsTopic,
		Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
		Batch: 1, Handle: s.compareAll,
	})
	if err != nil {
		return nil, err
	}
	return loop.Run, nil
}

func (s *Service) compareAll(ctx context.Context, rows []*revisionRow) []work.Result {
	results := make([]work.Result, len(rows))
	for i, r := range rows {
		results[i] = work.Done()
		if err := s.compare(ctx, r); err != nil {
			results[i] = work.Fail(err)
		}
	}
	return results
}

// compare finds the tests of a revision that did both, and writes them in place
// of what was found before.
func (s *Service) compare(ctx context.Context, r *revisionRow) error {
	var uploads []*uploadRow
	err := s.deps.DB.NewSelect().Model(&uploads).Where("project_id = ?", r.Project).Where("revision = ?", r.Revision).
		Where("job_name = ?", r.JobName).Where("read_at IS NOT NULL").OrderExpr("kept_at DESC").Limit(compareUploads).Scan(ctx)
	if err != nil {
		return fmt.Errorf("reading the uploads of a revision: %w", err)
	}
	suspects, err := s.suspects(ctx, r, uploads)
	if err != nil {
		return err
	}
	if err := s.acquit(ctx, uploads, suspects); err != nil {
		return err
	}
	var flakes []*flakeRow
	for _, suspect := range suspects {
		if suspect.succeeded {
			flakes = append(flakes, suspect.row)
		}
	}
	return s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().TableExpr("flakes").Where("revision_id = ?", r.ID).Exec(ctx); err != nil {
			return fmt.Errorf("deleting flakes: %w", err)
		}
		if err := insertAll(ctx, tx, flakes, 100); err != nil {
			return fmt.Errorf("writing flakes: %w", err)
		}
		return nil
	})
}

// suspect is a test that failed on a revision.
type suspect struct {
	row       *flakeRow
	succeeded bool
}

// maxSuspects bounds how many failed tests of a revision are looked at: where
// more fail, it is not chance.
const maxSuspects = 5000

// suspects collects the tests that failed, from the newest upload back.
func (s *Service) suspects(ctx context.Context, r *revisionRow, uploads []*uploadRow) (map[string]*suspect, error) {
	found := map[string]*suspect{}
	err := s.eachTest(ctx, uploads, "(failed > 0 OR flaked > 0)", func(u *uploadRow, t kept) {
		failed := t.Result.Failed()
		if !failed && t.Flaked == 0 {
			return
		}
		one := found[t.key()]
		if one == nil {
			if len(found) == maxSuspects {
				return
			}
			one = &suspect{row: &flakeRow{
				Revision: r.ID, Test: digest(t.Name, t.ClassName, t.File), Project: r.Project,
				Name: t.Name, ClassName: t.ClassName, File: t.File, Source: t.Source, Upload: u.ID, At: u.KeptAt,
			}}
			found[t.key()] = one
		}
		one.row.Times += t.Flaked
		if failed {
			one.row.Times++
			one.row.Wasted += t.RunTime
		}
		one.succeeded = one.succeeded || t.Result == core.TestSuccess
	})
	return found, err
}

// acquit notes which suspects have succeeded as well. A part of which every test
// failed has nothing to say.
func (s *Service) acquit(ctx context.Context, uploads []*uploadRow, suspects map[string]*suspect) error {
	if len(suspects) == 0 {
		return nil
	}
	return s.eachTest(ctx, uploads, "failed < tests", func(_ *uploadRow, t kept) {
		if one := suspects[t.key()]; one != nil && t.Result == core.TestSuccess {
			one.succeeded = true
		}
	})
}

// eachTest reads the tests of those parts of uploads of which a condition holds.
func (s *Service) eachTest(ctx context.Context, uploads []*uploadRow, condition string, each func(*uploadRow, kept)) error {
	for _, u := range uploads {
		var parts []partRow
		err := s.deps.DB.NewSelect().Model(&parts).ExcludeColumn("packed").Where("upload_id = ?", u.ID).Where(condition).Order("part").Scan(ctx)
		if err != nil {
			return fmt.Errorf("listing tests: %w", err)
		}
		for _, ref := range parts {
			tests, err := s.partTests(ctx, ref)
			if err != nil {
				return err
			}
			for _, t := range tests {
				each(u, t)
			}
		}
	}
	return nil
}

// flakeOf is a flake with the job where it failed last.
type flakeOf struct {
	flakeRow       `bun:",extend"`
	JobName        string          `bun:"job_name,scanonly"`
	JobNumber      int64           `bun:"job_number,scanonly"`
	Workflow       core.WorkflowID `bun:"workflow_id,scanonly"`
	WorkflowName   string          `bun:"workflow_name,scanonly"`
	PipelineNumber int64           `bun:"pipeline_number,scanonly"`
}

// maxFlaky is the most flaky tests of an answer.
const maxFlaky = 1000

// FlakyTests implements core.Results.
func (s *Service) FlakyTests(ctx context.Context, id core.ProjectID) ([]core.FlakyTest, error) {
	var rows []flakeOf
	err := s.deps.DB.NewSelect().Model(&rows).
		ColumnExpr("f.*, u.job_name, u.job_number, u.workflow_id, u.workflow_name, u.pipeline_number").
		Join("JOIN uploads AS u ON u.id = f.upload_id").
		Where("f.project_id = ?", id).Where("f.at >= ?", store.At(s.now().Add(-s.cfg.FlakyWindow))).OrderExpr("f.at DESC").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading flaky tests: %w", err)
	}
	found := map[string]*core.FlakyTest{}
	for _, r := range rows { // the newest first
		one := found[r.Test]
		if one == nil {
			one = &core.FlakyTest{
				Name: r.Name, ClassName: r.ClassName, File: r.File, Source: r.Source, At: r.At.Time(),
				JobName: r.JobName, JobNumber: r.JobNumber, Workflow: r.Workflow,
				WorkflowName: r.WorkflowName, PipelineNumber: r.PipelineNumber,
			}
			found[r.Test] = one
		}
		one.Times += r.Times
		one.Wasted += r.Wasted
	}
	list := make([]core.FlakyTest, 0, len(found))
	for _, one := range found {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b core.FlakyTest) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), b.At.Compare(a.At), cmp.Compare(a.ClassName, b.ClassName), cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File))
	})
	return list[:min(len(list), maxFlaky)], nil
}
