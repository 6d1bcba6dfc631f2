// SPDX-License-Identifier: MPL-2.0

package results

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// uploadRow is a row of uploads.
type uploadRow struct {
	bun.BaseModel `bun:"table:uploads,alias:u"`
	work.Item

	Organization   core.OrganizationID `bun:"organization_id"`
	Project        core.ProjectID      `bun:"project_id"`
	Pipeline       core.PipelineID     `bun:"pipeline_id"`
	PipelineNumber int64               `bun:"pipeline_number"`
	Workflow       core.WorkflowID     `bun:"workflow_id"`
	WorkflowName   string              `bun:"workflow_name"`
	Job            core.JobID          `bun:"job_id"`
	JobName        string              `bun:"job_name"`
	JobNumber      int64               `bun:"job_number"`
	Index          int                 `bun:"task_index"`
	Attempt        int                 `bun:"attempt"`
	Revision       string              `bun:"revision"`
	Branch         string              `bun:"branch"`
	KeptAt         store.Time          `bun:"kept_at"`
	ReadAt         store.Time          `bun:"read_at"`
	Tests          int                 `bun:"tests"`
	Failed         int                 `bun:"failed"`
}

func (u *uploadRow) archive() core.ArchiveID { return core.ArchiveID(u.ID) }

func newUpload(u core.TestUpload, now time.Time) *uploadRow {
	row := &uploadRow{
		Organization: u.Organization, Project: u.Project, Pipeline: u.Pipeline, PipelineNumber: u.PipelineNumber,
		Workflow: u.Workflow, WorkflowName: u.WorkflowName, Job: u.Job, JobName: u.JobName, JobNumber: u.JobNumber,
		Index: u.Index, Attempt: u.Attempt, Revision: u.Revision, Branch: u.Branch, KeptAt: store.At(u.At),
	}
	row.ID, row.DueAt = string(u.Archive), store.At(now)
	return row
}

type partRow struct {
	bun.BaseModel `bun:"table:parts,alias:p"`
	Upload        string `bun:"upload_id,pk"`
	Part          int    `bun:"part,pk"`
	Tests         int    `bun:"tests"`
	Failed        int    `bun:"failed"`
	Flaked        int    `bun:"flaked"`
	Packed        []byte `bun:"packed"`
}

type timingRow struct {
	bun.BaseModel `bun:"table:timings,alias:t"`
	Upload        string       `bun:"upload_id,pk"`
	Kind          core.TestKey `bun:"kind,pk"`
	Packed        []byte       `bun:"packed"`
}

type problemRow struct {
	bun.BaseModel `bun:"table:problems,alias:p"`
	Upload        string `bun:"upload_id,pk"`
	Number        int    `bun:"number,pk"`
	File          string `bun:"file"`
	Message       string `bun:"message"`
}

type revisionRow struct {
	bun.BaseModel `bun:"table:revisions,alias:r"`
	work.Item
	Project  core.ProjectID `bun:"project_id"`
	JobName  string         `bun:"job_name"`
	Revision string         `bun:"revision"`
}

// digest names rows by texts of any length.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// AddResults implements core.Results.
func (s *Service) AddResults(ctx context.Context, uploads []core.TestUpload) error {
	now := s.now()
	rows := make([]*uploadRow, len(uploads))
	for i, u := range uploads {
		if u.Archive == "" || u.Job == "" || u.Project == "" {
			return core.Errorf(core.CodeInvalid, "an upload of test results names no archive, job or project")
		}
		rows[i] = newUpload(u, now)
	}
	for some := range slices.Chunk(rows, batch.Size) {
		if _, err := s.deps.DB.NewInsert().Model(&some).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("writing uploads: %w", err)
		}
	}
	s.deps.Hints.Notify(uploadsTopic)
	return nil
}

// write keeps what was read of an upload, in place of anything that was kept of
// it before, and makes its revision due for comparing.
func (s *Service) write(ctx context.Context, u *uploadRow, found *findings) error {
	now := s.now()
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := removeContents(ctx, tx, u.ID); err != nil {
			return err
		}
		if err := insertAll(ctx, tx, found.parts, 16); err != nil {
			return fmt.Errorf("writing tests: %w", err)
		}
		if err := insertAll(ctx, tx, found.timings(u.ID), 16); err != nil {
			return fmt.Errorf("writing timings: %w", err)
		}
		if err := insertAll(ctx, tx, found.problems, batch.Size); err != nil {
			return fmt.Errorf("writing problems: %w", err)
		}
		_, err := tx.NewUpdate().TableExpr("uploads").Set("read_at = ?", store.At(now)).
			Set("tests = ?", found.tests).Set("failed = ?", found.failed).Where("id = ?", u.ID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("noting that an upload was read: %w", err)
		}
		return markRevision(ctx, tx, u, now.Add(compareAfter))
	})
	if err == nil {
		s.deps.Hints.Notify(revisionsTopic)
	}
	return err
}

// insertAll writes rows, some in one statement.
func insertAll[T any](ctx context.Context, tx bun.IDB, rows []T, some int) error {
	for chunk := range slices.Chunk(rows, some) {
		if _, err := tx.NewInsert().Model(&chunk).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// removeContents deletes what hangs on uploads.
func removeContents(ctx context.Context, tx bun.IDB, ids ...string) error {
	for _, table := range []string{"parts", "timings", "problems"} {
		if _, err := tx.NewDelete().TableExpr(table).Where("upload_id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return fmt.Errorf("deleting %s: %w", table, err)
		}
	}
	return nil
}

// markRevision makes the comparing of an upload's revision due. What has no
// revision, such as a working copy, is compared with nothing.
func markRevision(ctx context.Context, tx bun.IDB, u *uploadRow, at time.Time) error {
	if u.Revision == "" {
		return nil
	}
	row := &revisionRow{Project: u.Project, JobName: u.JobName, Revision: u.Revision}
	row.ID = digest(string(u.Project), u.JobName, u.Revision)
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("noting a revision: %w", err)
	}
	return work.MarkDue(ctx, tx, "revisions", at, row.ID)
}

// forget removes uploads that are older than is to be kept, a few at a time.
func (s *Service) forget(ctx context.Context) error {
	if s.cfg.Keep == 0 {
		return nil
	}
	before := store.At(s.now().Add(-s.cfg.Keep))
	for ctx.Err() == nil {
		var old []*uploadRow
		err := s.deps.DB.NewSelect().Model(&old).Column("id", "project_id", "job_name", "revision").
			Where("kept_at < ?", before).Limit(batch.Size).Scan(ctx)
		if err != nil || len(old) == 0 {
			return err
		}
		if err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error { return remove(ctx, tx, old) }); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes uploads with all that hangs on them. Of flakes only those go
// that are as old: the revision may have younger ones.
func remove(ctx context.Context, tx bun.IDB, old []*uploadRow) error {
	ids := make([]string, len(old))
	revisions := map[string]bool{}
	for i, u := range old {
		ids[i] = u.ID
		revisions[digest(string(u.Project), u.JobName, u.Revision)] = true
	}
	if err := removeContents(ctx, tx, ids...); err != nil {
		return err
	}
	if _, err := tx.NewDelete().TableExpr("flakes").Where("upload_id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
		return fmt.Errorf("deleting flakes: %w", err)
	}
	if _, err := tx.NewDelete().TableExpr("uploads").Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
		return fmt.Errorf("deleting uploads: %w", err)
	}
	_, err := tx.NewDelete().TableExpr("revisions").Where("id IN (?)", bun.List(keys(revisions))).
		Where("due_at IS NULL AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.project_id = revisions.project_id AND u.revision = revisions.revision AND u.job_name = revisions.job_name)").Exec(ctx)
	if err != nil {
		return fmt.Errorf("deleting revisions: %w", err)
	}
	return nil
}
