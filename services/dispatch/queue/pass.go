// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// pass releases what may run now. more says that another pass has something to
// do at once. Its cost follows what is released and what runs, not what waits.
func (s *Service) pass(ctx context.Context) (released []*task, more bool, err error) {
	var born *work.Born[*attempt]
	discard := func() {
		if born != nil {
			born.Drop()
		}
	}
	err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		discard() // of a transaction that is tried again
		released, more, born = nil, false, nil
		// The lock: whoever else schedules waits here until this pass is
		// committed, and so counts what it released.
		if _, err := tx.NewRaw(`UPDATE passes SET number = number + 1 WHERE id = 1`).Exec(ctx); err != nil {
			return fmt.Errorf("locking the pass: %w", err)
		}
		b, err := s.readBoard(ctx, tx)
		if err != nil || len(b.lines) == 0 {
			return err
		}
		if err := readHeads(ctx, tx, b); err != nil {
			return err
		}
		var ids []core.TaskID
		if ids, more = b.choose(); len(ids) == 0 {
			return nil
		}
		if released, born, err = s.release(ctx, tx, ids); err != nil {
			return err
		}
		return saveTurns(ctx, tx, b, released)
	})
	if err != nil {
		discard()
		return nil, false, err
	}
	if born != nil {
		born.Hand(ctx)
	}
	return released, more, nil
}

// readBoard reads the use of pools and organizations, and which lines there
// are.
func (s *Service) readBoard(ctx context.Context, tx bun.Tx) (*board, error) {
	b := &board{pools: map[string]*poolState{}, orgs: map[core.OrganizationID]*orgState{}}
	keys, err := waitingLines(ctx, tx)
	if err != nil || len(keys) == 0 {
		return b, err
	}
	for _, key := range keys {
		pool, org, _ := strings.Cut(key, "/")
		b.lines = append(b.lines, &line{pool: pool, org: core.OrganizationID(org), more: true})
		b.orgs[core.OrganizationID(org)] = &orgState{id: core.OrganizationID(org)}
		if b.pools[pool] == nil {
			inFlight, limit := s.cfg.bounds(pool)
			b.pools[pool] = &poolState{inFlight: inFlight, limit: limit}
		}
	}
	if err := s.readLimits(ctx, tx, b); err != nil {
		return nil, err
	}
	return b, countReleased(ctx, tx, b)
}

// waitingLines hops from one line to the next in the index of waiting tasks:
// the cost is the number of lines and not that of tasks.
func waitingLines(ctx context.Context, tx bun.Tx) ([]string, error) {
	var keys []string
	err := tx.NewRaw(`WITH RECURSIVE hop (line) AS (
			SELECT min(line) FROM tasks WHERE state = 'waiting'
			UNION ALL
			SELECT (SELECT min(line) FROM tasks WHERE state = 'waiting' AND line > hop.line) FROM hop WHERE hop.line IS NOT NULL
		) SELECT line FROM hop WHERE line IS NOT NULL`).Scan(ctx, &keys)
	if err != nil {
		return nil, fmt.Errorf("reading the lines: %w", err)
	}
	return keys, nil
}

func (s *Service) readLimits(ctx context.Context, tx bun.Tx, b *board) error {
	ids := make([]string, 0, len(b.orgs))
	for id := range b.orgs {
		ids = append(ids, string(id))
	}
	for part := range slices.Chunk(ids, batch.Size) {
		var rows []*organization
		if err := tx.NewSelect().Model(&rows).Column("id", "concurrency", "turn").Where("id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return fmt.Errorf("reading organizations: %w", err)
		}
		for _, row := range rows {
			org := b.orgs[core.OrganizationID(row.ID)]
			org.limit, org.turn = s.concurrency(row.Concurrency), row.Turn
			b.turn = max(b.turn, row.Turn)
		}
	}
	return nil
}

// concurrency is an organization's limit in force.
func (s *Service) concurrency(own int) int {
	if own > 0 {
		return own
	}
	return s.cfg.DefaultConcurrency
}

// countReleased counts what is released by pool and organization.
func countReleased(ctx context.Context, tx bun.IDB, b *board) error {
	counts, err := released(ctx, tx)
	if err != nil {
		return err
	}
	for _, c := range counts {
		if pool := b.pools[c.Pool]; pool != nil && c.State == statePlaced {
			pool.placed += c.Tasks
		} else if pool != nil {
			pool.running += c.Tasks
		}
		if org := b.orgs[core.OrganizationID(c.Organization)]; org != nil {
			org.released += c.Tasks
		}
	}
	return nil
}

func released(ctx context.Context, db bun.IDB) ([]count, error) {
	var counts []count
	err := db.NewSelect().TableExpr("tasks").ColumnExpr("pool, organization, state, count(*) AS tasks").
		Where("state IN ('placed', 'running')").GroupExpr("pool, organization, state").Scan(ctx, &counts)
	if err != nil {
		return nil, fmt.Errorf("counting released tasks: %w", err)
	}
	return counts, nil
}

// readHeads fills in the heads of the lines that could get a slot, with one
// statement for all of them.
func readHeads(ctx context.Context, tx bun.Tx, b *board) error {
	wanted := b.want()
	if len(wanted) == 0 {
		return nil
	}
	var selects []string
	var args []any
	byKey := map[string]*line{}
	for l, n := range wanted {
		key := lineOf(l.pool, l.org)
		byKey[key] = l
		selects = append(selects, `SELECT * FROM (SELECT t.id, t.line, t.rank, t.turn FROM tasks AS t
			WHERE t.state = 'waiting' AND t.line = ? AND NOT `+held+` ORDER BY t.line, t.rank, t.turn LIMIT ?) AS head`)
		args = append(args, key, n)
	}
	var rows []struct {
		ID   core.TaskID
		Line string
		Rank int64
		Turn int64
	}
	query := "SELECT * FROM (" + strings.Join(selects, " UNION ALL ") + ") AS heads ORDER BY rank, turn, id"
	if err := tx.NewRaw(query, args...).Scan(ctx, &rows); err != nil {
		return fmt.Errorf("reading the heads of lines: %w", err)
	}
	for _, row := range rows {
		l := byKey[row.Line]
		l.waiting = append(l.waiting, candidate{id: row.ID, rank: row.Rank, turn: row.Turn})
	}
	for l, n := range wanted {
		l.more = len(l.waiting) == n
	}
	return nil
}

// release moves tasks on and makes their attempts. A task that was canceled a
// moment ago is no longer waiting and stays where it is.
func (s *Service) release(ctx context.Context, tx bun.Tx, ids []core.TaskID) (done []*task, born *work.Born[*attempt], err error) {
	now := s.deps.Clock()
	var attempts []*attempt
	for part := range slices.Chunk(ids, batch.Size) {
		values := make([][]any, len(part))
		for i, id := range part {
			values[i] = []any{string(id), string(s.deps.NewAttemptID())}
		}
		query, args := batch.Values("id, attempt", values)
		var rows []*task
		err := tx.NewRaw(query+` UPDATE tasks SET state = 'placed', attempt = d.attempt, attempts = attempts + 1, reason = ''
			FROM d WHERE tasks.id = d.id AND tasks.state = 'waiting'
			RETURNING tasks.id, tasks.pool, tasks.organization, tasks.executor, tasks.resource_class, tasks.attempts, tasks.attempt, tasks.waiting_since`, args...).Scan(ctx, &rows)
		if err != nil {
			return nil, nil, fmt.Errorf("releasing tasks: %w", err)
		}
		done = append(done, rows...)
	}
	for _, t := range done {
		attempts = append(attempts, newAttempt(t, now))
	}
	born = s.attempts.Lease(attempts...)
	for part := range slices.Chunk(attempts, batch.Size) {
		if _, err := tx.NewInsert().Model(&part).Exec(ctx); err != nil {
			return nil, born, fmt.Errorf("storing attempts: %w", err)
		}
	}
	return done, born, nil
}

func newAttempt(t *task, now time.Time) *attempt {
	return &attempt{
		Item: work.Item{ID: string(t.Attempt), DueAt: store.At(now)},
		Task: t.ID, Number: t.Attempts, Executor: t.Executor, ResourceClass: t.ResourceClass, Status: core.JobQueued,
	}
}

// saveTurns remembers whose turn it was.
func saveTurns(ctx context.Context, tx bun.Tx, b *board, released []*task) error {
	served := map[core.OrganizationID]bool{}
	var values [][]any
	for _, t := range released {
		if served[t.Organization] {
			continue
		}
		served[t.Organization] = true
		values = append(values, []any{string(t.Organization), b.orgs[t.Organization].turn})
	}
	for part := range slices.Chunk(values, batch.Size) {
		query, args := batch.Values("id, turn", part)
		_, err := tx.NewRaw(query+` UPDATE organizations SET turn = d.turn FROM d WHERE organizations.id = d.id`, args...).Exec(ctx)
		if err != nil {
			return fmt.Errorf("storing turns: %w", err)
		}
	}
	return nil
}
