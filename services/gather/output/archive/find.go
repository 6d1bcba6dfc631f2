// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
)

// Find answers what a task may read.
func (s *Archives) Find(ctx context.Context, attempt core.AttemptID, in wire.ArchiveFind) (wire.ArchiveFound, error) {
	who, err := s.scope(ctx, attempt)
	if err != nil {
		return wire.ArchiveFound{}, err
	}
	switch in.Kind {
	case core.ArchiveCache:
		return s.findCache(ctx, who, in.Keys)
	case core.ArchiveWorkspace:
		return s.findLayers(ctx, who)
	case core.ArchiveArtifacts, core.ArchiveTestResults:
	}
	return wire.ArchiveFound{}, core.Errorf(core.CodeInvalid, "a task may look for a cache or its workspace, not for %.40q", in.Kind)
}

// findCache takes the first key that any cache's key begins with, and the
// newest of those caches, as CircleCI does: even before one of that very key.
func (s *Archives) findCache(ctx context.Context, who scope, keys []string) (wire.ArchiveFound, error) {
	if len(keys) == 0 || len(keys) > wire.MaxArchiveKeys {
		return wire.ArchiveFound{}, core.Errorf(core.CodeInvalid, "%d keys are looked for, it may be 1 to %d", len(keys), wire.MaxArchiveKeys)
	}
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return wire.ArchiveFound{}, err
		}
	}
	for _, key := range keys {
		r, err := s.newest(ctx, who, key)
		if err != nil {
			return wire.ArchiveFound{}, err
		}
		if r == nil {
			continue
		}
		s.metrics.found.WithLabelValues("hit").Inc()
		found, err := s.found(ctx, r)
		return wire.ArchiveFound{Archives: []wire.FoundArchive{found}}, err
	}
	s.metrics.found.WithLabelValues("miss").Inc()
	return wire.ArchiveFound{Archives: []wire.FoundArchive{}}, nil
}

// newest returns the newest cache that a task may restore and whose key begins
// so, nil for none.
func (s *Archives) newest(ctx context.Context, who scope, key string) (*row, error) {
	var newest *row
	for _, owner := range who.owners() {
		r := new(row)
		// Ordered by nothing more, so that the index does it: the newest come first
		// and the search ends with the first that fits.
		err := caches(s.deps.DB.NewSelect().Model(r), who.Project, key, s.now()).
			Where("fork = ?", owner).OrderExpr("committed_at DESC").Limit(1).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("looking for a cache: %w", err)
		}
		if newest == nil || r.CommittedAt.Time().After(newest.CommittedAt.Time()) {
			newest = r
		}
	}
	return newest, nil
}

// caches narrows to the caches of a project that can be seen and whose keys
// begin with a prefix.
func caches(q *bun.SelectQuery, project core.ProjectID, prefix string, now time.Time) *bun.SelectQuery {
	q = unexpired(q.Where("kind = 'cache' AND state = 'committed'").Where("project_id = ?", project), now)
	if prefix != "" {
		q = q.Where("substr(cache_key, 1, ?) = ?", utf8.RuneCountInString(prefix), prefix)
	}
	return q
}

// unexpired narrows to what may still be seen: the sweeper comes a little late.
func unexpired(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("(expires_at IS NULL OR expires_at > ?)", store.At(now))
}

// maxLayers bounds one answer; a workspace of so many is a mistake of a loop.
const maxLayers = 2000

// layersQuery selects what jobs kept for those after them, of each task its last
// attempt: one that was lost, given up or canceled left nothing that counts. The
// attempt's own row goes 5 minutes after its end at the soonest; from then on
// the archive has its status.
const layersQuery = `kind = 'workspace' AND state = 'committed'
	AND COALESCE(NULLIF(r.status, ''), (SELECT a.status FROM attempts AS a WHERE a.id = r.attempt_id)) IN ('success', 'failed', 'timedout')
	AND NOT EXISTS (SELECT 1 FROM archives AS later WHERE later.job_id = r.job_id AND later.kind = 'workspace' AND later.state = 'committed'
		AND later.task_id = r.task_id AND later.attempt > r.attempt)`

// findLayers returns the workspace as the jobs upstream left it: those before
// others first, then by task, then as they were kept.
func (s *Archives) findLayers(ctx context.Context, who scope) (wire.ArchiveFound, error) {
	out := wire.ArchiveFound{Archives: []wire.FoundArchive{}}
	if len(who.Upstream) == 0 {
		return out, nil
	}
	place := make(map[core.JobID]int, len(who.Upstream))
	jobs := make([]core.JobID, len(who.Upstream))
	for i, u := range who.Upstream {
		place[u.Job], jobs[i] = i, u.Job
	}
	var rows []*row
	q := s.deps.DB.NewSelect().Model(&rows).Where(layersQuery).Where("job_id IN (?)", bun.List(jobs)).Where("project_id = ?", who.Project)
	err := unexpired(q, s.now()).Limit(maxLayers + 1).Scan(ctx)
	if err != nil {
		return out, fmt.Errorf("looking for layers of the workspace: %w", err)
	}
	if len(rows) > maxLayers {
		return out, core.Errorf(core.CodeExhausted, "the workspace has more than %d layers", maxLayers)
	}
	slices.SortFunc(rows, func(a, b *row) int { return a.compare(b, place) })
	above := upstreamOf(who.Upstream)
	for i, r := range rows {
		found, err := s.found(ctx, r)
		if err != nil {
			return out, err
		}
		found.Job, found.Index = r.JobName, r.Index
		for j, other := range rows[:i] {
			if above[place[r.Job]][place[other.Job]] || other.Task == r.Task {
				found.Upstream = append(found.Upstream, j)
			}
		}
		out.Archives = append(out.Archives, found)
	}
	return out, nil
}

// upstreamOf returns for each job which of the others it comes after, directly
// or not.
func upstreamOf(jobs []core.UpstreamJob) []map[int]bool {
	above := make([]map[int]bool, len(jobs))
	for i, j := range jobs {
		above[i] = map[int]bool{}
		for _, r := range j.Requires {
			if r < 0 || r >= i {
				continue // those before it stand first
			}
			above[i][r] = true
			for k := range above[r] {
				above[i][k] = true
			}
		}
	}
	return above
}

// found makes the answer of a row.
func (s *Archives) found(ctx context.Context, r *row) (wire.FoundArchive, error) {
	secret, err := s.secret(ctx, r)
	if err != nil {
		return wire.FoundArchive{}, err
	}
	parts, err := s.parts(ctx, r)
	if err != nil {
		return wire.FoundArchive{}, err
	}
	return wire.FoundArchive{
		ID: r.id(), Secret: secret, Key: r.Key, At: r.CommittedAt.Time().Format(time.RFC3339),
		Plain: r.Plain, Files: r.Files, Parts: parts,
	}, nil
}

func (s *Archives) parts(ctx context.Context, r *row) ([]core.ArchivePart, error) {
	var packed []byte
	if err := s.deps.DB.NewSelect().Model((*row)(nil)).ColumnExpr("parts").Where("r.id = ?", r.ID).Scan(ctx, &packed); err != nil {
		return nil, fmt.Errorf("reading the archive's parts: %w", err)
	}
	return unpackParts(packed)
}
