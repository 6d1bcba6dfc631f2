// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// HandoverTopic is hinted at when test results are to be handed over.
const HandoverTopic = "output.test_uploads"

// handoverTime bounds one call of results, and handoverPause is the wait after
// it was away.
const (
	handoverTime  = 20 * time.Second
	handoverPause = 10 * time.Second
)

// handoverRow is a committed archive of test results on its way to results. Its
// id is the archive's.
type handoverRow struct {
	bun.BaseModel `bun:"table:test_uploads,alias:h"`
	work.Item
	Upload store.JSON[core.TestUpload] `bun:"upload"`
}

// testsOf is what results is to know of a task's files but for the archive.
func testsOf(task core.ClaimedTask) core.TestUpload {
	spec := task.Spec
	return core.TestUpload{
		Organization: spec.Pipeline.Project.Organization.ID, Project: spec.Pipeline.Project.ID,
		Pipeline: spec.Pipeline.ID, PipelineNumber: spec.Pipeline.Number,
		Workflow: spec.Workflow, WorkflowName: spec.WorkflowName,
		Job: spec.Job, JobName: spec.Plan.Name, JobNumber: spec.Number, Index: spec.Index, Attempt: task.Attempt.Number,
		Revision: spec.Pipeline.Source.Revision, Branch: spec.Pipeline.Source.Branch,
	}
}

// handOver writes the row of test results, in the transaction of their commit.
func handOver(ctx context.Context, tx bun.IDB, r *row, who scope, now time.Time) error {
	if r.Kind != core.ArchiveTestResults {
		return nil
	}
	h := &handoverRow{Upload: store.JSON[core.TestUpload]{V: who.Tests}}
	h.ID, h.DueAt = r.ID, store.At(now)
	h.Upload.V.Archive, h.Upload.V.At = r.id(), now
	if _, err := tx.NewInsert().Model(h).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("writing the hand-over of test results: %w", err)
	}
	return nil
}

func (s *Archives) handoverLoop() (*work.Loop[*handoverRow], error) {
	return work.New(work.Config[*handoverRow]{
		Name: "output.tests", Table: "test_uploads", DB: s.deps.DB, Hints: s.deps.Hints, Topic: HandoverTopic,
		Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics, Handle: s.handOverAll,
	})
}

// handOverAll delivers uploads. Together they go or together they stay: results
// knows what it has seen.
func (s *Archives) handOverAll(ctx context.Context, rows []*handoverRow) []work.Result {
	ctx, cancel := context.WithTimeout(ctx, handoverTime)
	defer cancel()
	uploads := make([]core.TestUpload, len(rows))
	for i, h := range rows {
		uploads[i] = h.Upload.V
	}
	result := work.Delete()
	err := s.deps.Results.AddResults(ctx, uploads)
	switch {
	case core.ErrorCode(err) == core.CodeUnavailable:
		// However long results is away, that only delays what it shows.
		s.deps.Logger.Warn("test results could not be handed over, trying again later", "uploads", len(uploads), "error", err)
		result = work.Again(s.now().Add(handoverPause))
	case err != nil:
		result = work.Fail(fmt.Errorf("handing test results over: %w", err))
	}
	results := make([]work.Result, len(rows))
	for i := range results {
		results[i] = result
	}
	return results
}
