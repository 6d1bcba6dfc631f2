// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/internal/store"
)

// sourceGrace is how long a source without any reference stays at least: longer
// than a transaction that is about to refer to it can take.
const sourceGrace = time.Hour

// sweep removes what no pipeline can be locked to any more: expired dev
// versions, then sources that nothing has pointed at for keep_sources. Each step
// holds on its own, so it may end, and be done twice, anywhere.
func (s *Service) sweep(ctx context.Context) error {
	now := s.deps.Clock()
	kept := store.At(now.Add(-duration(s.cfg.KeepSources)))
	steps := []*bun.DeleteQuery{
		// An expired version stays as long as its source, for the sentence that
		// tells what has happened to it.
		s.deps.DB.NewDelete().Model((*versionRow)(nil)).Where("expires_at <= ?", kept),
		s.deps.DB.NewDelete().Model((*publishedRow)(nil)).Where("until <= ?", kept).
			Where("NOT EXISTS (SELECT 1 FROM orbs_versions AS v WHERE v.orb_id = p.orb_id AND v.digest = p.digest)"),
		s.deps.DB.NewDelete().Model((*fetchedRow)(nil)).Where("fetched_at <= ?", kept),
		s.deps.DB.NewDelete().Model((*sourceRow)(nil)).Where("used_at <= ?", store.At(now.Add(-sourceGrace))).
			Where("NOT EXISTS (SELECT 1 FROM orbs_published AS p WHERE p.digest = s.digest)").
			Where("NOT EXISTS (SELECT 1 FROM orbs_fetched AS f WHERE f.digest = s.digest)"),
	}
	for _, step := range steps {
		if _, err := step.Exec(ctx); err != nil {
			return doing("removing old sources", err)
		}
	}
	return nil
}
