// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/samples"
)

type usageRow struct {
	bun.BaseModel `bun:"table:usage,alias:u"`
	Attempt       core.AttemptID             `bun:"attempt_id,pk"`
	Series        store.JSON[samples.Series] `bun:"series"`
}

// saveUsage adds what agents told to what is kept. Few batches have any, so the
// rows are read here and not with everything else; the attempts are locked.
func saveUsage(ctx context.Context, tx bun.IDB, told map[core.AttemptID][]wire.Usage) error {
	if len(told) == 0 {
		return nil
	}
	ids := make([]core.AttemptID, 0, len(told))
	for id := range told {
		ids = append(ids, id)
	}
	known, err := usageOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	rows := make([]*usageRow, 0, len(ids))
	for _, id := range ids {
		row := known[id]
		if row == nil {
			row = &usageRow{Attempt: id}
		}
		for _, u := range told[id] {
			row.Series.V.Add(u)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b *usageRow) int { return strings.Compare(string(a.Attempt), string(b.Attempt)) })
	_, err = tx.NewInsert().Model(&rows).On("CONFLICT (attempt_id) DO UPDATE").Set("series = EXCLUDED.series").Exec(ctx)
	if err != nil {
		return fmt.Errorf("writing the use of resources: %w", err)
	}
	return nil
}

func usageOf(ctx context.Context, db bun.IDB, ids []core.AttemptID) (map[core.AttemptID]*usageRow, error) {
	var rows []*usageRow
	if err := db.NewSelect().Model(&rows).Where("u.attempt_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading the use of resources: %w", err)
	}
	known := make(map[core.AttemptID]*usageRow, len(rows))
	for _, row := range rows {
		known[row.Attempt] = row
	}
	return known, nil
}

// maxUsageTasks bounds one question for series, each of which may be long.
const maxUsageTasks = 1000

// TaskUsage implements core.ResourceUsages.
func (s *Service) TaskUsage(ctx context.Context, q core.UsageQuery) ([]core.ResourceUsage, error) {
	if len(q.Tasks) > maxUsageTasks {
		return nil, core.Errorf(core.CodeInvalid, "the usage of %d tasks was asked for at once, at most %d may be", len(q.Tasks), maxUsageTasks)
	}
	all := []core.ResourceUsage{}
	if len(q.Tasks) == 0 {
		return all, nil
	}
	var attempts []attemptRow
	err := s.deps.DB.NewSelect().Model(&attempts).Column("id", "task_id", "number").
		Where("a.task_id IN (?)", bun.List(q.Tasks)).Order("a.number", "a.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading attempts: %w", err)
	}
	if len(attempts) == 0 {
		return all, nil
	}
	ids := make([]core.AttemptID, len(attempts))
	for i := range attempts {
		ids[i] = attempts[i].attempt()
	}
	known, err := usageOf(ctx, s.deps.DB, ids)
	if err != nil {
		return nil, err
	}
	byTask := make(map[core.TaskID][]core.ResourceUsage, len(q.Tasks))
	for _, a := range attempts {
		if row := known[a.attempt()]; row != nil {
			u := row.Series.V.Usage(q.Series)
			u.Task, u.Attempt, u.Number = a.Task, a.attempt(), a.Number
			byTask[a.Task] = append(byTask[a.Task], u)
		}
	}
	for _, id := range q.Tasks {
		all = append(all, byTask[id]...)
		delete(byTask, id) // an id that is asked for twice is answered once
	}
	return all, nil
}
