// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/muster-ci/muster/core"
)

// ListArtifacts implements core.Archives.
func (s *Archives) ListArtifacts(ctx context.Context, q core.ArtifactQuery) (core.ArtifactList, error) {
	list := core.ArtifactList{Items: []core.Artifact{}}
	limit, at, err := readPage(q.Page)
	if err != nil {
		return list, err
	}
	attempts, err := s.shown(ctx, q.Job)
	if err != nil {
		return list, err
	}
	for _, index := range slices.Sorted(maps.Keys(attempts)) {
		if index < at.Index {
			continue
		}
		after := ""
		if index == at.Index {
			after = at.Path
		}
		rows, err := s.artifacts(ctx, attempts[index], after, limit+1-len(list.Items))
		if err != nil {
			return list, err
		}
		for _, f := range rows {
			list.Items = append(list.Items, f.noun(q.Job, index))
		}
		if len(list.Items) > limit {
			list.Items = list.Items[:limit]
			last := list.Items[limit-1]
			list.Next = position{Index: last.Index, Path: last.Path}.token()
			break
		}
	}
	return list, nil
}

func (f artifactRow) noun(job core.JobID, index int) core.Artifact {
	return core.Artifact{Job: job, Index: index, Path: f.Path, Size: f.Size, SHA256: f.SHA256, At: f.At.Time()}
}

// shown returns of each task of a job the attempt whose artifacts people see:
// the last one that kept any.
func (s *Archives) shown(ctx context.Context, job core.JobID) (map[int]core.AttemptID, error) {
	var rows []*row
	q := s.deps.DB.NewSelect().Model(&rows).Distinct().Column("task_index", "attempt", "attempt_id").
		Where("job_id = ?", job).Where("kind = 'artifacts' AND state = 'committed'").Order("attempt")
	err := unexpired(q, s.now()).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for a job's artifacts: %w", err)
	}
	attempts := make(map[int]core.AttemptID, len(rows))
	for _, r := range rows {
		attempts[r.Index] = r.Attempt
	}
	return attempts, nil
}

// artifacts reads those of an attempt whose paths come after one.
func (s *Archives) artifacts(ctx context.Context, attempt core.AttemptID, after string, limit int) ([]artifactRow, error) {
	var rows []artifactRow
	err := s.deps.DB.NewSelect().Model(&rows).ColumnExpr("f.*, r.committed_at").Join("JOIN archives AS r ON r.id = f.archive_id").
		Where("f.attempt_id = ?", attempt).Where("f.path > ?", after).Order("f.path").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading artifacts: %w", err)
	}
	return rows, nil
}

// Artifact implements core.Archives.
func (s *Archives) Artifact(ctx context.Context, want core.ArtifactRange) (core.Artifact, error) {
	f, err := s.artifact(ctx, want)
	if err != nil {
		return core.Artifact{}, err
	}
	return f.noun(want.Job, want.Index), nil
}

func (s *Archives) artifact(ctx context.Context, want core.ArtifactRange) (artifactRow, error) {
	var f artifactRow
	attempts, err := s.shown(ctx, want.Job)
	if err != nil {
		return f, err
	}
	err = s.deps.DB.NewSelect().Model(&f).ColumnExpr("f.*, r.committed_at").Join("JOIN archives AS r ON r.id = f.archive_id").
		Where("f.attempt_id = ?", attempts[want.Index]).Where("f.path = ?", want.Path).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return f, core.Errorf(core.CodeNotFound, "there is no such artifact, or it is not kept any more")
	}
	if err != nil {
		return f, fmt.Errorf("reading an artifact: %w", err)
	}
	return f, nil
}

// ReadArtifact implements core.Archives.
func (s *Archives) ReadArtifact(ctx context.Context, want core.ArtifactRange) (io.ReadCloser, error) {
	f, err := s.artifact(ctx, want)
	if err != nil {
		return nil, err
	}
	if want.Offset < 0 || want.Offset > f.Size {
		return nil, core.Errorf(core.CodeInvalid, "the artifact has %d bytes and cannot be read from %d", f.Size, want.Offset)
	}
	length := f.Size - want.Offset
	if want.Length >= 0 {
		length = min(length, want.Length)
	}
	r, err := s.row(ctx, f.Archive)
	if err != nil {
		return nil, err
	}
	return s.plain(ctx, r, f.Start+want.Offset, length)
}
