// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// The states of a task; the indexes of the table name them too.
const (
	stateWaiting = "waiting"
	statePlaced  = "placed"
	stateRunning = "running"
	stateEnded   = "ended"
)

// task is a row of tasks. Line is pool and organization; Rank is the negated
// priority and Turn the time of arrival, so that both sort upwards.
type task struct {
	bun.BaseModel `bun:"table:tasks,alias:t"`

	ID            core.TaskID         `bun:"id,pk"`
	Line          string              `bun:"line"`
	Pool          string              `bun:"pool"`
	Organization  core.OrganizationID `bun:"organization"`
	Executor      core.ExecutorKind   `bun:"executor"`
	ResourceClass string              `bun:"resource_class"`
	Rank          int64               `bun:"rank"`
	Turn          int64               `bun:"turn"`
	State         string              `bun:"state"`
	Attempts      int                 `bun:"attempts"` // released so far
	Attempt       core.AttemptID      `bun:"attempt"`  // the latest
	Canceled      bool                `bun:"canceled"`
	Reason        string              `bun:"reason"`
	WaitingSince  store.Time          `bun:"waiting_since,type:bigint"`
	EndedAt       store.Time          `bun:"ended_at,type:bigint"`
	Job           core.JobID          `bun:"job"`
	Follows       bool                `bun:"follows"`
}

// held is true of a row t of tasks that others of its job come before: they have
// not begun yet, or were lost and have not begun again. It runs until they have
// ended, so it must not be in the place that one of them needs. It is not kept as
// a state, which would have to change with theirs.
const held = `(t.follows AND EXISTS (SELECT 1 FROM tasks AS other
	WHERE other.job <> '' AND other.job = t.job AND NOT other.follows AND other.state IN ('waiting', 'placed')))`

// upcoming is the number of the attempt that a task waits for or has.
func (t *task) upcoming() int {
	if t.State == stateWaiting {
		return t.Attempts + 1
	}
	return max(1, t.Attempts)
}

// attempt is a row of attempts.
type attempt struct {
	bun.BaseModel `bun:"table:attempts,alias:a"`
	work.Item

	Task          core.TaskID       `bun:"task"`
	Number        int               `bun:"number"`
	Executor      core.ExecutorKind `bun:"executor"`
	ResourceClass string            `bun:"resource_class"`
	Status        core.JobStatus    `bun:"status"`
	Reason        string            `bun:"reason"`
	Placed        bool              `bun:"placed"` // placements has it
	Stop          bool              `bun:"stop"`   // placements is to end it
}

// report is a row of reports: an outbox to workflows.
type report struct {
	bun.BaseModel `bun:"table:reports,alias:r"`
	work.Item

	Report store.JSON[core.TaskReport] `bun:"report"`
}

// organization is a row of organizations. Sample is a task of it, through which
// its name is learnt.
type organization struct {
	bun.BaseModel `bun:"table:organizations,alias:o"`
	work.Item

	Name        string      `bun:"name"`
	Sample      core.TaskID `bun:"sample"`
	Concurrency int         `bun:"concurrency"` // 0 is the default
	Turn        int64       `bun:"turn"`
}

// lineOf joins a pool and an organization to the key of a line.
func lineOf(pool string, org core.OrganizationID) string { return pool + "/" + string(org) }

// insertTasks stores tasks that are not known and returns the ids of those.
func insertTasks(ctx context.Context, tx bun.Tx, rows []*task) ([]core.TaskID, error) {
	var added []core.TaskID
	for part := range slices.Chunk(rows, batch.Size) {
		var ids []core.TaskID
		err := tx.NewInsert().Model(&part).On("CONFLICT (id) DO NOTHING").Returning("id").Scan(ctx, &ids)
		if err != nil {
			return nil, fmt.Errorf("storing tasks: %w", err)
		}
		added = append(added, ids...)
	}
	return added, nil
}

// upsertOrganizations notes limits; rows must be sorted by id, or two
// instances could wait for each other. Unchanged ones are not written; written
// tells whether any was.
func upsertOrganizations(ctx context.Context, tx bun.Tx, rows []*organization) (written bool, err error) {
	for part := range slices.Chunk(rows, batch.Size) {
		var ids []string
		err := tx.NewInsert().Model(&part).
			On("CONFLICT (id) DO UPDATE").Set("concurrency = EXCLUDED.concurrency").
			Where("o.concurrency <> EXCLUDED.concurrency").Returning("id").Scan(ctx, &ids)
		if err != nil {
			return false, fmt.Errorf("storing organizations: %w", err)
		}
		written = written || len(ids) > 0
	}
	return written, nil
}

// insertReports queues news for workflows. The id is made of what makes a
// report idempotent, so one is never queued twice at a time.
func insertReports(ctx context.Context, tx bun.Tx, at store.Time, news []core.TaskReport) error {
	rows := make([]*report, len(news))
	for i, n := range news {
		id := fmt.Sprintf("%s/%d/%s", n.Task, n.Attempt, n.Status)
		rows[i] = &report{Item: work.Item{ID: id, DueAt: at}, Report: store.JSON[core.TaskReport]{V: n}}
	}
	for part := range slices.Chunk(rows, batch.Size) {
		if _, err := tx.NewInsert().Model(&part).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("storing reports: %w", err)
		}
	}
	return nil
}

// lockTasks reads tasks by id and keeps others from changing them until the
// transaction ends. The order keeps two transactions from waiting for each
// other.
func (s *Service) lockTasks(ctx context.Context, tx bun.Tx, ids []core.TaskID) (map[core.TaskID]*task, error) {
	found := make(map[core.TaskID]*task, len(ids))
	for part := range slices.Chunk(ids, batch.Size) {
		var rows []*task
		q := tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Order("id")
		if err := s.deps.DB.ForUpdate(q).Scan(ctx); err != nil {
			return nil, fmt.Errorf("locking tasks: %w", err)
		}
		for _, row := range rows {
			found[row.ID] = row
		}
	}
	return found, nil
}

// updateTasks writes back what changes in the life of a task.
func updateTasks(ctx context.Context, tx bun.Tx, rows []*task) error {
	for part := range slices.Chunk(rows, batch.Size) {
		var values [][]any
		for _, t := range part {
			values = append(values, []any{string(t.ID), t.State, t.Canceled, t.Reason, t.WaitingSince, t.EndedAt})
		}
		query, args := batch.Values("id, state, canceled, reason, waiting_since, ended_at", values)
		_, err := tx.NewRaw(query+` UPDATE tasks SET state = d.state, canceled = d.canceled, reason = d.reason,
			waiting_since = CAST(d.waiting_since AS BIGINT), ended_at = CAST(d.ended_at AS BIGINT)
			FROM d WHERE tasks.id = d.id`, args...).Exec(ctx)
		if err != nil {
			return fmt.Errorf("updating tasks: %w", err)
		}
	}
	return nil
}

// updateAttempts writes back what changes in the life of an attempt.
func updateAttempts(ctx context.Context, tx bun.Tx, rows []*attempt) error {
	for part := range slices.Chunk(rows, batch.Size) {
		var values [][]any
		for _, a := range part {
			values = append(values, []any{a.ID, string(a.Status), a.Reason})
		}
		query, args := batch.Values("id, status, reason", values)
		_, err := tx.NewRaw(query+` UPDATE attempts SET status = d.status, reason = d.reason
			FROM d WHERE attempts.id = d.id`, args...).Exec(ctx)
		if err != nil {
			return fmt.Errorf("updating attempts: %w", err)
		}
	}
	return nil
}
