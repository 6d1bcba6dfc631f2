// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

// Results is the part of core.Results that output calls.
type Results interface {
	archive.Results
	TestTimings(ctx context.Context, f core.TimingsFilter) (core.TestTimings, error)
}

// Timings are asked for at results for so long when it is away, and kept for the
// job's other tasks, however late they are.
const (
	timingsPatience = 10 * time.Second
	timingsPause    = 500 * time.Millisecond
	timingsCall     = 5 * time.Second
	timingsKept     = 7 * 24 * time.Hour
)

// timingsRow is a row of job_timings.
type timingsRow struct {
	bun.BaseModel `bun:"table:job_timings,alias:t"`
	Job           core.JobID   `bun:"job_id,pk"`
	Kind          core.TestKey `bun:"kind,pk"`
	Answer        []byte       `bun:"answer"`
	At            store.Time   `bun:"at"`
}

// packs and unfolds compress answers; both are safe for many users.
var (
	packs   = must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)))
	unfolds = must(zstd.NewReader(nil, zstd.WithDecoderMaxMemory(wire.MaxTimings), zstd.WithDecoderConcurrency(0)))
)

// timings returns the compressed answer for the tasks of an attempt's job. The
// first that is written is everybody's.
func (s *Service) timings(ctx context.Context, id core.AttemptID, by core.TestKey) ([]byte, error) {
	switch by {
	case core.TestByFile, core.TestByClassName, core.TestByName:
	default:
		return nil, core.Errorf(core.CodeInvalid, "timings are by file, classname or name, not by %q", by)
	}
	origin, err := s.archives.Origin(ctx, id)
	if err != nil {
		return nil, err
	}
	row := &timingsRow{Job: origin.Job, Kind: by}
	if row.Answer, err = s.answered(ctx, row); err != nil || row.Answer != nil {
		return row.Answer, err
	}
	known, err := s.askTimings(ctx, core.TimingsFilter{
		Project: origin.Project, JobName: origin.JobName, Branch: origin.Branch, DefaultBranch: origin.DefaultBranch, By: by,
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(known)
	if err != nil {
		return nil, fmt.Errorf("encoding timings: %w", err)
	}
	row.Answer = packs.EncodeAll(text, nil)
	if err := s.keepTimings(ctx, row); err != nil {
		return nil, err
	}
	return s.answered(ctx, row)
}

// answered returns the job's answer, nil while there is none.
func (s *Service) answered(ctx context.Context, row *timingsRow) ([]byte, error) {
	var answer []byte
	err := s.deps.DB.NewSelect().Model(row).Column("answer").WherePK().Scan(ctx, &answer)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the timings of a job: %w", err)
	}
	return answer, nil
}

// keepTimings writes an answer, unless another task's request was faster, and
// removes those that nobody can need any more.
func (s *Service) keepTimings(ctx context.Context, row *timingsRow) error {
	row.At = store.At(s.now())
	if _, err := s.deps.DB.NewInsert().Model(row).On("CONFLICT (job_id, kind) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("keeping the timings of a job: %w", err)
	}
	before := store.At(s.now().Add(-timingsKept))
	if _, err := s.deps.DB.NewDelete().TableExpr("job_timings").Where("at < ?", before).Exec(ctx); err != nil {
		return fmt.Errorf("removing old timings: %w", err)
	}
	return nil
}

// askTimings asks results, for a while when it is away. After that the answer is
// that there are none: a build does not wait for what only makes it faster.
func (s *Service) askTimings(ctx context.Context, f core.TimingsFilter) (wire.Timings, error) {
	patience, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	for {
		call, done := context.WithTimeout(patience, timingsCall)
		known, err := s.deps.Peers.Results.TestTimings(call, f)
		done()
		switch {
		case err == nil && len(known.Names) == 0:
			return wire.Timings{Missing: "no job of this name has kept test results with a " + string(f.By) + " yet"}, nil
		case err == nil:
			return wire.Timings{TestTimings: known}, nil
		case ctx.Err() != nil:
			return wire.Timings{}, ctx.Err()
		case core.ErrorCode(err) != core.CodeUnavailable && !errors.Is(err, context.DeadlineExceeded):
			return wire.Timings{}, fmt.Errorf("asking for timings: %w", err)
		}
		select {
		case <-patience.Done():
			s.deps.Logger.Warn("timings of tests could not be had, a job goes by the names of its tests", "project_id", f.Project, "error", err)
			return wire.Timings{Missing: "the service that keeps test results is away"}, nil
		case <-time.After(timingsPause):
		}
	}
}
