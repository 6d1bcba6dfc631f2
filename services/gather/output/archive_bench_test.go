// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// BenchmarkFindCache looks for a cache among 20,000 of a project, which is more
// than two weeks of a busy one: the newest, which is the usual case, the oldest
// of all, and one that is not there.
func BenchmarkFindCache(b *testing.B) {
	h := sqlite(b, Config{})
	a := h.keeper(nil)
	a.keep(cacheOf("oldest"), "x")
	ctx := context.Background()
	_, err := h.service.deps.DB.NewRaw(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		INSERT INTO archives (id, state, kind, organization_id, project_id, workflow_id, job_id, job_name, task_id, task_index, attempt_id, attempt, step,
			cache_key, key_sum, begun_at, committed_at, secret, parts)
		SELECT id || i, state, kind, organization_id, project_id, workflow_id, job_id, job_name, task_id, task_index, 'another', attempt, step,
			'deps-branch-' || i, 'sum' || i, begun_at, committed_at + i, secret, parts
		FROM archives, n WHERE cache_key = 'oldest'`).Exec(ctx)
	if err != nil {
		b.Fatal(err)
	}
	h.advance(1e9)
	a.keep(cacheOf("newest"), "x")
	for _, key := range []string{"newest", "oldest", "nothing"} {
		b.Run(key, func(b *testing.B) {
			for b.Loop() {
				found, err := h.service.archives.Find(ctx, a.id, wire.ArchiveFind{Kind: core.ArchiveCache, Keys: []string{key}})
				if err != nil || (len(found.Archives) == 1) != (key != "nothing") {
					b.Fatalf("got %d archives, %v", len(found.Archives), err)
				}
			}
		})
	}
}
