// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// clearBatch is how many caches are cleared in one transaction.
const clearBatch = 500

// ListCaches implements core.Archives.
func (s *Archives) ListCaches(ctx context.Context, q core.CacheQuery) (core.CacheList, error) {
	list := core.CacheList{Items: []core.Cache{}}
	limit, at, err := readPage(q.Page)
	if err != nil {
		return list, err
	}
	if err := checkPrefix(q.Prefix); err != nil {
		return list, err
	}
	var rows []*row
	query := caches(s.deps.DB.NewSelect().Model(&rows), q.Project, q.Prefix, s.now())
	if at.ID != "" {
		query = query.Where("(committed_at, r.id) < (?, ?)", at.At, at.ID)
	}
	if err := query.OrderExpr("committed_at DESC, r.id DESC").Limit(int64(limit) + 1).Scan(ctx); err != nil {
		return list, fmt.Errorf("listing caches: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		list.Next = position{At: last.CommittedAt.Time().UnixMicro(), ID: last.ID}.token()
	}
	for _, r := range rows {
		fork, ref := shown(r.Fork)
		list.Items = append(list.Items, core.Cache{
			ID: r.id(), Key: r.Key, Fork: fork, Ref: ref, Job: r.Job, Size: r.Stored, At: r.CommittedAt.Time(), ExpiresAt: r.ExpiresAt.Time(),
		})
	}
	return list, nil
}

func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return checkKey(prefix)
}

// ClearCaches implements core.Archives. Each batch is cleared whole, so that a
// call that is repeated after a crash clears the rest.
func (s *Archives) ClearCaches(ctx context.Context, q core.CacheQuery) (int, error) {
	if q.Project == "" {
		return 0, core.Errorf(core.CodeInvalid, "caches are cleared of one project; name it")
	}
	if err := checkPrefix(q.Prefix); err != nil {
		return 0, err
	}
	cleared := 0
	for {
		var ids []string
		err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
			ids = nil
			now := s.now()
			query := s.deps.DB.ForUpdate(caches(tx.NewSelect().Model((*row)(nil)).Column("id"), q.Project, q.Prefix, now))
			if err := query.Order("r.id").Limit(clearBatch).Scan(ctx, &ids); err != nil {
				return fmt.Errorf("looking for caches to clear: %w", err)
			}
			return s.remove(ctx, tx, now, ids...)
		})
		if err != nil {
			return cleared, err
		}
		cleared += len(ids)
		if len(ids) < clearBatch {
			break
		}
	}
	s.deps.Hints.Notify(Topic)
	s.deps.Logger.Info("caches cleared", "project_id", q.Project, "caches", cleared)
	return cleared, nil
}
