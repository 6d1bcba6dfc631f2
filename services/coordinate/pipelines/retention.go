// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// Bundles are the uploaded sources in the object store; objects.Store is one.
type Bundles interface {
	List(ctx context.Context, prefix string, f func(key string, size int64, modified time.Time) error) error
	Delete(ctx context.Context, key string) error // CodeNotFound when it is gone
}

// bundlePrefix is where the gateway puts uploaded bundles.
const bundlePrefix = "bundles/"

const (
	// tidyEvery is how often old pipelines and bundles are looked for.
	tidyEvery = 30 * time.Minute
	tidyBatch = 100
)

// forget removes pipelines that are old and of which workflows knows nothing
// any more: how long those are kept is the workflows service's to say.
func (s *Service) forget(ctx context.Context) error {
	if s.cfg.Keep == 0 {
		return nil
	}
	before := store.At(s.clock().Add(-s.cfg.Keep))
	last := &pipeline{} // those that have to stay are not looked at again in this round
	for ctx.Err() == nil {
		var rows []*pipeline
		err := s.db.NewSelect().Model(&rows).Column("id", "created_at").
			Where("created_at < ?", before).Where("(created_at, id) > (?, ?)", micros(last.CreatedAt), last.ID).
			Where("state <> ?", core.PipelinePending).
			Order("created_at", "id").Limit(tidyBatch).Scan(ctx)
		if err != nil {
			return readFailure("looking for old pipelines", err)
		}
		for _, p := range rows {
			last = p
			workflows, err := s.workflows.PipelineWorkflows(ctx, p.id())
			if err != nil {
				return fmt.Errorf("asking for the workflows of pipeline %s: %w", p.ID, err)
			}
			if len(workflows) > 0 {
				continue
			}
			if err := s.remove(ctx, p.id()); err != nil {
				return fmt.Errorf("removing pipeline %s: %w", p.ID, err)
			}
		}
		if len(rows) < tidyBatch {
			return nil
		}
	}
	return nil
}

// micros is a time as its column has it, 0 for none.
func micros(t store.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Time().UnixMicro()
}

// remove deletes a pipeline with its configs, unless there is still something
// to do for it or to tell of it.
func (s *Service) remove(ctx context.Context, id core.PipelineID) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewDelete().Model((*pipeline)(nil)).Where("id = ?", id).
			Where("state <> ?", core.PipelinePending).Where("due_at IS NULL").Where("lease_until IS NULL").
			Where("id NOT IN (SELECT id FROM handovers)").Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if _, err := tx.NewDelete().Model((*continuation)(nil)).Where("pipeline_id = ?", id).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*config)(nil)).Where("pipeline_id = ?", id).Exec(ctx)
		return err
	})
}

// forgetBundles removes uploaded sources that are old and that no pipeline
// needs. The bucket itself is the list of what may have to go, so a process
// that dies loses track of nothing; an upload that is repeated is young again.
func (s *Service) forgetBundles(ctx context.Context) error {
	if s.cfg.KeepBundles == 0 || s.bundles == nil {
		return nil
	}
	before := s.clock().Add(-s.cfg.KeepBundles)
	var old []string
	err := s.bundles.List(ctx, bundlePrefix, func(key string, _ int64, modified time.Time) error {
		if modified.Before(before) {
			old = append(old, key)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing uploaded bundles: %w", err)
	}
	for part := range slices.Chunk(old, tidyBatch) {
		needed, err := s.needed(ctx, part, before)
		if err != nil {
			return err
		}
		for _, key := range part {
			if needed[key] {
				continue
			}
			if err := s.bundles.Delete(ctx, key); err != nil && core.ErrorCode(err) != core.CodeNotFound {
				return fmt.Errorf("removing bundle %s: %w", key, err)
			}
			s.logger.Debug("bundle removed", "key", key)
		}
	}
	return nil
}

// needed tells which of the bundles belong to a pipeline that is young, or that
// has not come to its end.
func (s *Service) needed(ctx context.Context, keys []string, before time.Time) (map[string]bool, error) {
	var rows []*pipeline
	err := s.db.NewSelect().Model(&rows).Column("id", "bundle", "state", "created_at").
		Where("bundle IN (?)", bun.List(keys)).Where("bundle <> ''").Order("created_at DESC").Scan(ctx)
	if err != nil {
		return nil, readFailure("looking for pipelines of bundles", err)
	}
	needed := map[string]bool{}
	for _, p := range rows {
		switch {
		case needed[p.Bundle]:
		case p.State == core.PipelinePending || p.CreatedAt.Time().After(before):
			needed[p.Bundle] = true
		default:
			workflows, err := s.workflows.PipelineWorkflows(ctx, p.id())
			if err != nil {
				return nil, fmt.Errorf("asking for the workflows of pipeline %s: %w", p.ID, err)
			}
			// A rerun of late counts as the pipeline's end.
			needed[p.Bundle] = slices.ContainsFunc(workflows, func(w core.Workflow) bool {
				return w.StoppedAt == nil || w.StoppedAt.After(before)
			})
		}
	}
	return needed, nil
}
