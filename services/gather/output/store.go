// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

type attemptRow struct {
	bun.BaseModel `bun:"table:attempts,alias:a"`
	work.Item
	Task         core.TaskID     `bun:"task_id"`
	Pipeline     core.PipelineID `bun:"pipeline_id"`
	Number       int             `bun:"number"`
	Allocation   string          `bun:"allocation_id"`
	AgentVersion string          `bun:"agent_version"`
	Host         string          `bun:"host"`
	Bundle       string          `bun:"bundle"`
	Status       core.JobStatus  `bun:"status"`
	Reason       string          `bun:"reason"`
	Stop         string          `bun:"stop"`
	Phase        phase           `bun:"phase"`
	Object       string          `bun:"object"`
	Bytes        int64           `bun:"bytes"`
	EventTail    []byte          `bun:"event_tail"`
	ClaimedAt    store.Time      `bun:"claimed_at"`
	SeenAt       store.Time      `bun:"seen_at"`
	EndedAt      store.Time      `bun:"ended_at"`
	ToldAt       store.Time      `bun:"told_at"`
}

func (a *attemptRow) attempt() core.AttemptID { return core.AttemptID(a.ID) }

// end makes the first final status stay.
func (a *attemptRow) end(status core.JobStatus, reason string, now time.Time) bool {
	if a.Status.Ended() {
		return false
	}
	a.Status, a.Reason, a.EndedAt = status, reason, store.At(now)
	a.tell(now)
	return true
}

// correct puts the judgement of placements in the place of an agent's, which
// knows of the infrastructure's failures only what it was told by a signal, and
// of a wish of Muster's nothing.
func (a *attemptRow) correct(status core.JobStatus, reason string, now time.Time) bool {
	if a.Status != core.JobInfrastructureFail || a.Status == status && a.Reason == reason {
		return false
	}
	a.Status, a.Reason = status, reason
	a.tell(now)
	return true
}

// tell dates the news of an attempt. Followers ask for what is newer than what
// they have seen, so the date grows also when the clock is set back.
func (a *attemptRow) tell(now time.Time) {
	a.ToldAt = later(store.At(now), store.At(a.ToldAt.Time().Add(time.Microsecond)))
}

type tokenRow struct {
	bun.BaseModel `bun:"table:tokens,alias:t"`
	Hash          string         `bun:"hash,pk"`
	Attempt       core.AttemptID `bun:"attempt_id"`
	Allocation    string         `bun:"allocation_id"`
	CreatedAt     store.Time     `bun:"created_at"`
}

type streamRow struct {
	bun.BaseModel `bun:"table:streams,alias:s"`
	Attempt       core.AttemptID `bun:"attempt_id,pk"`
	Stream        int            `bun:"stream,pk"`
	Bytes         int64          `bun:"bytes"`
	Kept          int64          `bun:"kept"`
	Cut           bool           `bun:"cut"`
	ObjectAt      int64          `bun:"object_at"`
	Frames        []byte         `bun:"frames"`
}

type reportRow struct {
	bun.BaseModel `bun:"table:reports,alias:r"`
	work.Item
	Attempt core.AttemptID `bun:"attempt_id"`
	Status  core.JobStatus `bun:"status"`
	Reason  string         `bun:"reason"`
	Memory  bool           `bun:"out_of_memory"`
	At      store.Time     `bun:"at"`
}

// runningAfter is how long after the claim the report goes that an attempt runs.
// Readers see it by its output; whoever works on the report, in three services,
// should not take the processor from the job's first line. An end that comes
// sooner takes the report along.
const runningAfter = 250 * time.Millisecond

// newReport makes the row that hands news of an attempt to placements, due at a
// time. Each attempt has two at most, by what the id says.
func newReport(id core.AttemptID, status core.JobStatus, reason string, at, due time.Time) *reportRow {
	name := "running"
	if status.Ended() {
		name = "ended"
	}
	r := &reportRow{Attempt: id, Status: status, Reason: reason, At: store.At(at)}
	r.ID, r.DueAt = string(id)+"/"+name, store.At(due)
	return r
}

func insertReports(ctx context.Context, tx bun.IDB, rows []*reportRow) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("writing reports: %w", err)
	}
	return nil
}

// hurryReports makes the reports that attempts run, which are not due yet, go
// with those of their ends, and before them.
func hurryReports(ctx context.Context, tx bun.IDB, b *batch) error {
	var ids []string
	for _, r := range b.reports {
		if b.now.Before(b.attempts[r.Attempt].ClaimedAt.Time().Add(runningAfter)) {
			ids = append(ids, newReport(r.Attempt, core.JobRunning, "", b.now, b.now).ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.NewUpdate().Model((*reportRow)(nil)).Set("due_at = ?", store.At(b.now.Add(-time.Microsecond))).
		Where("id IN (?)", bun.List(ids)).Where("due_at > ?", store.At(b.now)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("making reports due: %w", err)
	}
	return nil
}

// lockAttempts reads attempts for changing, in the order of their ids so that
// two transactions cannot wait for each other.
func (s *Service) lockAttempts(ctx context.Context, tx bun.IDB, ids []core.AttemptID) ([]*attemptRow, error) {
	var rows []*attemptRow
	q := tx.NewSelect().Model(&rows).Where("a.id IN (?)", bun.List(ids)).Order("a.id")
	if err := s.deps.DB.ForUpdate(q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("locking attempts: %w", err)
	}
	return rows, nil
}

// lengths returns the acknowledged lengths of all streams of an attempt.
func lengths(ctx context.Context, tx bun.IDB, id core.AttemptID) (map[int]int64, error) {
	var rows []streamRow
	if err := tx.NewSelect().Model(&rows).Column("stream", "bytes").Where("attempt_id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading the lengths of streams: %w", err)
	}
	out := make(map[int]int64, len(rows))
	for _, r := range rows {
		out[r.Stream] = r.Bytes
	}
	return out, nil
}

// upsertStreams writes lengths; what the sealer keeps in the row stays.
func upsertStreams(ctx context.Context, tx bun.IDB, rows []*streamRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (attempt_id, stream) DO UPDATE").
		Set("bytes = EXCLUDED.bytes").Set("kept = EXCLUDED.kept").Set("cut = EXCLUDED.cut").Exec(ctx)
	if err != nil {
		return fmt.Errorf("writing the lengths of streams: %w", err)
	}
	return nil
}

// markSeal makes attempts due for the sealer.
func (s *Service) markSeal(ctx context.Context, tx bun.IDB, now time.Time, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := work.MarkDue(ctx, tx, "attempts", now.Add(s.cfg.SealAfter), ids...); err != nil {
		return fmt.Errorf("making attempts due for sealing: %w", err)
	}
	return nil
}
