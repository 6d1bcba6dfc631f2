// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// scope is who an attempt is, as placements said at its claim.
type scope struct {
	Organization core.OrganizationID `json:"organization_id"`
	Project      core.ProjectID      `json:"project_id"`
	Workflow     core.WorkflowID     `json:"workflow_id"`
	Job          core.JobID          `json:"job_id"`
	JobName      string              `json:"job_name"`
	Task         core.TaskID         `json:"task_id"`
	Index        int                 `json:"index"`
	Number       int                 `json:"number"` // the attempt's
	// Fork is what its caches are marked with, see core.TaskSpec.Owner.
	Fork     string             `json:"fork,omitempty"`
	Upstream []core.UpstreamJob `json:"upstream,omitempty"`
	// Retention is the plan's wish for caches, 0 for none.
	Retention time.Duration `json:"retention,omitempty"`
	// Tests is what results is to know of files of test results.
	Tests core.TestUpload `json:"tests"`
	// DefaultBranch is the project's.
	DefaultBranch string `json:"default_branch,omitempty"`
}

type taskRow struct {
	bun.BaseModel `bun:"table:archive_tasks"`
	Attempt       core.AttemptID    `bun:"attempt_id,pk"`
	Scope         store.JSON[scope] `bun:"scope"`
}

// Admit notes who an attempt is, in the transaction of its claim. A claim that
// is repeated finds it noted.
func Admit(ctx context.Context, tx bun.IDB, id core.AttemptID, task core.ClaimedTask) error {
	spec := task.Spec
	row := &taskRow{Attempt: id, Scope: store.JSON[scope]{V: scope{
		Organization: spec.Pipeline.Project.Organization.ID, Project: spec.Pipeline.Project.ID, Workflow: spec.Workflow,
		Job: spec.Job, JobName: spec.Plan.Name, Task: spec.Task, Index: spec.Index, Number: task.Attempt.Number,
		Fork: spec.Owner(), Upstream: spec.Upstream, Retention: spec.Plan.CacheRetention, Tests: testsOf(task),
		DefaultBranch: spec.Pipeline.Project.DefaultBranch,
	}}}
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (attempt_id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("noting who an attempt is: %w", err)
	}
	return nil
}

// Release forgets who an attempt is, once its tokens are worth nothing, and
// leaves how it ended with what it kept: the attempt's own row may go sooner.
func Release(ctx context.Context, db bun.IDB, id core.AttemptID, status core.JobStatus) error {
	if _, err := db.NewUpdate().TableExpr("archives").Set("status = ?", status).Where("attempt_id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("noting the end of an attempt with its archives: %w", err)
	}
	if _, err := db.NewDelete().TableExpr("archive_tasks").Where("attempt_id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("forgetting who an attempt was: %w", err)
	}
	return nil
}

func (s *Archives) scope(ctx context.Context, id core.AttemptID) (scope, error) {
	var row taskRow
	err := s.deps.DB.NewSelect().Model(&row).Where("attempt_id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return scope{}, core.Errorf(core.CodeConflict, "the attempt was claimed when nothing could be kept yet; run the job again")
	}
	if err != nil {
		return scope{}, fmt.Errorf("reading who an attempt is: %w", err)
	}
	return row.Scope.V, nil
}

// Origin says of which job an attempt is.
type Origin struct {
	core.TestUpload        // without an archive
	DefaultBranch   string // of the project
}

// Origin returns where an attempt comes from.
func (s *Archives) Origin(ctx context.Context, id core.AttemptID) (Origin, error) {
	who, err := s.scope(ctx, id)
	return Origin{TestUpload: who.Tests, DefaultBranch: who.DefaultBranch}, err
}

// errOver refuses what an attempt wants to keep after its end.
func errOver(id core.AttemptID) error {
	return core.Errorf(core.CodeConflict, "attempt %s has ended; nothing more is kept of it", id)
}

// lockRunning holds the attempt's row until the transaction ends, so that it
// cannot end, or be given up as lost, in the middle of a commit.
func (s *Archives) lockRunning(ctx context.Context, tx bun.IDB, id core.AttemptID) error {
	var status core.JobStatus
	q := tx.NewSelect().TableExpr("attempts").Column("status").Where("id = ?", string(id))
	err := s.deps.DB.ForUpdate(q).Scan(ctx, &status)
	if errors.Is(err, sql.ErrNoRows) || err == nil && status.Ended() {
		return errOver(id)
	}
	if err != nil {
		return fmt.Errorf("locking the attempt: %w", err)
	}
	return nil
}
