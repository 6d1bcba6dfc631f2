// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// spec is a row of specs.
type spec struct {
	bun.BaseModel `bun:"table:specs,alias:s"`

	ID   string                    `bun:"id,pk"`
	Spec store.JSON[core.TaskSpec] `bun:"spec"`
}

// report is a row of reports.
type report struct {
	bun.BaseModel `bun:"table:reports,alias:r"`
	work.Item

	Report store.JSON[core.AttemptReport] `bun:"report"`
}

// note is a row of notes.
type note struct {
	bun.BaseModel `bun:"table:notes,alias:n"`
	work.Item

	Note store.JSON[message] `bun:"note"`
}

// message is for output: an ending, or without a status the wish to stop.
type message struct {
	Attempt core.AttemptID `json:"attempt_id"`
	Status  core.JobStatus `json:"status,omitempty"`
	Reason  string         `json:"reason,omitempty"`
}

// change is one transaction over some attempts: their rows, locked, and what
// is to be sent because of it.
type change struct {
	cfg     Config
	now     time.Time
	rows    map[core.AttemptID]*attempt
	changed map[core.AttemptID]bool
	due     map[core.AttemptID]time.Time // when the loop is to look
	reports []*report
	notes   []*note
	done    []string // attempts that ended: their specs go
}

// update locks the rows of ids, lets f change them, and writes back what it
// touched. Hints go out after the commit. f may run more than once.
func (s *Service) update(ctx context.Context, ids []core.AttemptID, f func(ctx context.Context, tx bun.Tx, c *change) error) error {
	ids = batch.Unique(ids)
	var c *change
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		rows, err := s.lock(ctx, tx, ids)
		if err != nil {
			return err
		}
		c = &change{cfg: s.cfg, now: s.deps.Clock(), rows: rows, changed: map[core.AttemptID]bool{}, due: map[core.AttemptID]time.Time{}}
		if err := f(ctx, tx, c); err != nil {
			return err
		}
		return c.save(ctx, tx)
	})
	if err != nil {
		return err
	}
	s.hint(len(c.due) > 0, len(c.reports) > 0, len(c.notes) > 0)
	return nil
}

func (s *Service) hint(attempts, reports, notes bool) {
	for topic, say := range map[string]bool{topicAttempts: attempts, topicReports: reports, topicNotes: notes} {
		if say {
			s.deps.Hints.Notify(topic)
		}
	}
}

func (s *Service) lock(ctx context.Context, tx bun.Tx, ids []core.AttemptID) (map[core.AttemptID]*attempt, error) {
	found := make(map[core.AttemptID]*attempt, len(ids))
	for part := range slices.Chunk(ids, batch.Size) {
		var rows []*attempt
		q := tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(part)).Order("id")
		if err := s.deps.DB.ForUpdate(q).Scan(ctx); err != nil {
			return nil, fmt.Errorf("locking attempts: %w", err)
		}
		for _, a := range rows {
			found[a.id()] = a
		}
	}
	return found, nil
}

// touch notes that a row has changed; look makes the loop look at it too.
func (c *change) touch(a *attempt) { c.changed[a.id()] = true }

func (c *change) look(a *attempt) { c.lookAt(a, c.now) }

// lookAt has the loop look at a row later: nothing is to be done before.
func (c *change) lookAt(a *attempt, at time.Time) {
	c.touch(a)
	if before, ok := c.due[a.id()]; !ok || at.Before(before) {
		c.due[a.id()] = at
	}
}

// end makes an attempt final, unless it is.
func (c *change) end(a *attempt, e ending, at time.Time, byAgent bool) {
	if a.State == stateEnded {
		return
	}
	a.State, a.Status, a.Reason, a.EndedAt = stateEnded, e.status, e.reason, store.At(c.now)
	c.look(a)
	c.done = append(c.done, a.ID)
	c.report(a, core.AttemptReport{Status: e.status, Reason: e.reason, Retryable: e.retryable, At: at})
	if !byAgent {
		c.note(message{Attempt: a.id(), Status: e.status, Reason: e.reason})
	}
}

// report queues news for the queue. Waiting reasons may change often: each is
// a report of its own.
func (c *change) report(a *attempt, r core.AttemptReport) {
	r.Attempt, r.Task = a.id(), a.Task
	if r.At.IsZero() {
		r.At = c.now
	}
	id := a.ID + "/" + string(r.Status)
	if r.Status == core.JobQueued {
		id += "/" + strconv.FormatInt(c.now.UnixMicro(), 36)
	}
	c.reports = append(c.reports, &report{Item: work.Item{ID: id, DueAt: store.At(c.now)}, Report: store.JSON[core.AttemptReport]{V: r}})
}

func (c *change) note(m message) {
	id := string(m.Attempt) + "/" + string(m.Status)
	c.notes = append(c.notes, &note{Item: work.Item{ID: id, DueAt: store.At(c.now)}, Note: store.JSON[message]{V: m}})
}

func (c *change) save(ctx context.Context, tx bun.Tx) error {
	var rows []*attempt
	for id := range c.changed {
		rows = append(rows, c.rows[id])
	}
	slices.SortFunc(rows, func(a, b *attempt) int { return cmp.Compare(a.ID, b.ID) })
	if err := writeAttempts(ctx, tx, rows); err != nil {
		return err
	}
	byTime := map[time.Time][]string{}
	for id, at := range c.due {
		byTime[at] = append(byTime[at], string(id))
	}
	for at, ids := range byTime {
		if err := work.MarkDue(ctx, tx, "attempts", at, ids...); err != nil {
			return err
		}
	}
	if err := insert(ctx, tx, c.reports); err != nil {
		return fmt.Errorf("storing reports: %w", err)
	}
	if err := insert(ctx, tx, c.notes); err != nil {
		return fmt.Errorf("storing notes: %w", err)
	}
	for part := range slices.Chunk(c.done, batch.Size) {
		if _, err := tx.NewDelete().Model((*spec)(nil)).Where("id IN (?)", bun.List(part)).Exec(ctx); err != nil {
			return fmt.Errorf("removing specs: %w", err)
		}
	}
	return nil
}

// insert stores rows that are not there yet.
func insert[T any](ctx context.Context, tx bun.IDB, rows []T) error {
	_, err := insertNew(ctx, tx, rows)
	return err
}

// insertNew is insert for those who must know which rows were not there yet.
func insertNew[T any](ctx context.Context, tx bun.IDB, rows []T) (added []string, err error) {
	for part := range slices.Chunk(rows, batch.Size) {
		var ids []string
		if err := tx.NewInsert().Model(&part).On("CONFLICT (id) DO NOTHING").Returning("id").Scan(ctx, &ids); err != nil {
			return nil, err
		}
		added = append(added, ids...)
	}
	return added, nil
}

// writeAttempts writes all that changes in the life of an attempt. The rows
// are locked, so nothing of another's is overwritten.
func writeAttempts(ctx context.Context, tx bun.Tx, rows []*attempt) error {
	for part := range slices.Chunk(rows, batch.Size) {
		values := make([][]any, len(part))
		for i, a := range part {
			values[i] = []any{
				a.ID, a.State, a.Allocation, a.Node, a.Waits, a.Nonce, a.Running, a.Purged,
				string(a.Status), a.Reason, string(a.GoneKind), a.GoneReason,
				a.SubmittedAt, a.StartedAt, a.ClaimedAt, a.StopAt, a.GoneAt, a.EndedAt, a.Limit,
			}
		}
		query, args := batch.Values(`id, state, allocation, node, waits, nonce, running, purged,
			status, reason, gone_kind, gone_reason, submitted_at, started_at, claimed_at, stop_at, gone_at, ended_at, time_limit`, values)
		_, err := tx.NewRaw(query+` UPDATE attempts SET state = d.state, allocation = d.allocation, node = d.node,
			waits = d.waits, nonce = d.nonce, running = d.running, purged = d.purged, status = d.status, reason = d.reason,
			gone_kind = d.gone_kind, gone_reason = d.gone_reason, submitted_at = CAST(d.submitted_at AS BIGINT),
			started_at = CAST(d.started_at AS BIGINT), claimed_at = CAST(d.claimed_at AS BIGINT), stop_at = CAST(d.stop_at AS BIGINT),
			gone_at = CAST(d.gone_at AS BIGINT), ended_at = CAST(d.ended_at AS BIGINT), time_limit = d.time_limit
			FROM d WHERE attempts.id = d.id`, args...).Exec(ctx)
		if err != nil {
			return fmt.Errorf("updating attempts: %w", err)
		}
	}
	return nil
}
