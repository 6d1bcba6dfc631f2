// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// Results is the part of core.Results that knows which tests of a job failed.
type Results interface {
	FailedTests(ctx context.Context, id core.JobID) (core.FailedTests, error)
}

// failedTests are the tests that a job of a rerun repeats.
type failedTests struct {
	bun.BaseModel `bun:"table:failed_tests"`
	Job           core.JobID                    `bun:"job_id,pk"`
	Tests         store.JSON[[]core.FailedTest] `bun:"tests"`
}

// failedOf asks results for the failed tests of an ended workflow's jobs, by the
// job's place. It is done before the transaction of the rerun, which must not
// wait for another service; what it looks at does not change any more. A rerun
// that was made already needs none.
func (s *Service) failedOf(ctx context.Context, r core.Rerun) (map[int][]core.FailedTest, error) {
	if s.results == nil {
		return nil, core.Errorf(core.CodeUnavailable, "failed tests cannot be repeated: no service keeps test results")
	}
	if known, err := s.db.NewSelect().Model((*workflow)(nil)).Where("id = ?", r.ID).Exists(ctx); err != nil || known {
		return nil, err
	}
	var jobs []*job
	if err := s.db.NewSelect().Model(&jobs).Where("workflow_id = ?", r.Workflow).Where("status = 'failed'").Order("idx").Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading the jobs that failed: %w", err)
	}
	found := map[int][]core.FailedTest{}
	for _, j := range jobs {
		tests, err := s.failedOfJob(ctx, j)
		if err != nil {
			return nil, err
		}
		if len(tests) > 0 {
			found[j.Index] = tests
		}
	}
	if len(found) == 0 {
		return nil, core.Errorf(core.CodeConflict, "can not rerun failed tests: no failed tests could be found; rerun the workflow from failed, with all its tests")
	}
	return found, nil
}

// failedOfJob returns the tests that a rerun of a job can do with, none where it
// has to repeat all: a task failed for another reason than its tests, or a test
// has no name by which a command could be told to repeat it.
func (s *Service) failedOfJob(ctx context.Context, j *job) ([]core.FailedTest, error) {
	failed, err := s.results.FailedTests(ctx, j.Origin)
	if err != nil {
		return nil, err
	}
	for _, t := range failed.Tests {
		if t.File == "" && t.ClassName == "" {
			return nil, nil
		}
	}
	var tasks []*task
	if err := s.db.NewSelect().Model(&tasks).Where("job_id = ?", j.Origin).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading the tasks of a job that failed: %w", err)
	}
	for _, t := range tasks {
		if t.Status != core.JobSuccess && !slices.Contains(failed.Indexes, t.Index) {
			return nil, nil
		}
	}
	return failed.Tests, nil
}

// keepFailed writes down which tests the jobs of a rerun repeat.
func keepFailed(ctx context.Context, tx bun.IDB, d *draft, failed map[int][]core.FailedTest) error {
	var rows []*failedTests
	for _, j := range d.jobs {
		if tests := failed[j.Index]; len(tests) > 0 && !j.Copied {
			rows = append(rows, &failedTests{Job: j.ID, Tests: store.JSON[[]core.FailedTest]{V: tests}})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("writing the tests to repeat: %w", err)
	}
	return nil
}

// fillFailed adds to specs the tests that their jobs repeat.
func (s *Service) fillFailed(ctx context.Context, t specRows, specs []core.TaskSpec) error {
	rerun := map[core.JobID]bool{}
	for id, j := range t.jobs {
		if w := t.workflows[j.Workflow]; w != nil && w.RerunOf != "" {
			rerun[id] = true
		}
	}
	if len(rerun) == 0 {
		return nil // nearly always
	}
	var rows []*failedTests
	ids := keysOf(specs, func(s core.TaskSpec) core.JobID { return s.Job })
	if err := s.db.NewSelect().Model(&rows).Where("job_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	byJob := byKey(rows, func(f *failedTests) core.JobID { return f.Job })
	for i := range specs {
		if f := byJob[specs[i].Job]; f != nil {
			specs[i].FailedTests = f.Tests.V
		}
	}
	return nil
}
