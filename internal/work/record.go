// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/internal/store"
)

// outcome is a result as it goes into the row.
type outcome struct {
	id        string
	seq       int64
	remove    bool
	at        store.Time // used unless the row was marked due meanwhile
	force     bool       // used even then
	tries     int
	lastError string
	setAside  bool // unless the row was marked due meanwhile
}

// outcomes turns results into what is recorded.
func (l *Loop[T]) outcomes(rows []T, results []Result) []outcome {
	now := l.cfg.Clock()
	pause := l.pause(results)
	out := make([]outcome, len(rows))
	for i, row := range rows {
		item := row.WorkItem()
		o := outcome{id: item.ID, seq: item.DueSeq}
		switch r := results[i]; r.kind {
		case kindDelete:
			o.remove = true
		case kindAgain:
			o.at = store.At(r.at)
		case kindFail:
			// Forced even on a row that was marked meanwhile: a handler that marks
			// its own row and then fails would otherwise spin.
			o.force, o.lastError = true, errorText(r.err)
			if outOfReach(r.err) {
				o.tries, o.at = item.Tries, store.At(now.Add(pause))
				break
			}
			o.tries = item.Tries + 1
			o.at = store.At(now.Add(l.cfg.Backoff(o.tries)))
			o.setAside = o.tries >= l.cfg.MaxTries
		case kindRelease:
			o.force, o.at = true, item.DueAt
			o.tries, o.lastError = item.Tries, item.LastError
		}
		out[i] = o
	}
	return out
}

// pause is the back-off for what is away, which counts no tries: it grows with
// the batches that met nothing else, and stays within a poll, so that work goes
// on soon after an outage.
func (l *Loop[T]) pause(results []Result) time.Duration {
	if slices.ContainsFunc(results, func(r Result) bool { return r.kind != kindFail || !outOfReach(r.err) }) {
		l.away.Store(0)
	}
	if slices.ContainsFunc(results, func(r Result) bool { return r.kind == kindFail && outOfReach(r.err) }) {
		return min(l.cfg.Backoff(int(l.away.Add(1))), l.cfg.Poll)
	}
	return 0
}

// normal replaces results that mean something else than they say. ended says
// that the handler's context has, so that errors of it are nobody's fault.
func normal(r Result, ended bool) Result {
	switch {
	case r.kind == kindNone:
		return Fail(errNoResult)
	case r.kind == kindAgain && r.at.IsZero():
		return Fail(errAgainWithoutTime)
	case r.kind == kindFail && ended && isEnd(r.err):
		return Result{kind: kindRelease}
	default:
		return r
	}
}

// record writes the outcomes of the rows that b still holds, in one
// transaction. It returns how many rows stay in the table, and of how many the
// lease was lost.
func (l *Loop[T]) record(ctx context.Context, b batch[T], outcomes []outcome) (stay, lost int, err error) {
	err = l.cfg.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockRows(ctx, tx, l.cfg.Table, b.ids()); err != nil {
			return fmt.Errorf("locking: %w", err)
		}
		removed, err := l.remove(ctx, tx, b.owner, outcomes)
		if err != nil {
			return fmt.Errorf("deleting: %w", err)
		}
		stay, lost = 0, len(outcomes)-removed
		if lost == 0 {
			return nil
		}
		// Those that were to be deleted and are still there were marked due
		// meanwhile, and are released like the others.
		if stay, err = l.update(ctx, tx, b.owner, outcomes); err != nil {
			return fmt.Errorf("updating: %w", err)
		}
		lost -= stay
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("recording results in %s: %w", l.cfg.Table, err)
	}
	return stay, lost, nil
}

func (l *Loop[T]) remove(ctx context.Context, tx bun.Tx, owner string, outcomes []outcome) (int, error) {
	var keys []byte
	gen := l.cfg.DB.QueryGen()
	for _, o := range outcomes {
		if o.remove {
			keys = gen.AppendQuery(keys, "(?, ?),", o.id, o.seq)
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	query := "DELETE FROM ?0 WHERE lease_owner = ?1 AND (id, due_seq) IN (VALUES ?2)"
	res, err := tx.NewRaw(query, bun.Ident(l.cfg.Table), owner, bun.Safe(keys[:len(keys)-1])).Exec(ctx)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// updateQuery leaves due_at alone where due_seq has moved on: it is in the past,
// and the row is due at once.
const updateQuery = `WITH v (id, seq, due, forced, tries, last_error, aside) AS (VALUES ?2)
	UPDATE ?0 AS t SET
		due_at = CASE WHEN v.forced OR t.due_seq = v.seq THEN v.due ELSE t.due_at END,
		tries = v.tries,
		last_error = v.last_error,
		set_aside = v.aside AND t.due_seq = v.seq,
		lease_until = NULL,
		lease_owner = ''
	FROM v WHERE t.id = v.id AND t.lease_owner = ?1`

func (l *Loop[T]) update(ctx context.Context, tx bun.Tx, owner string, outcomes []outcome) (int, error) {
	var values []byte
	gen := l.cfg.DB.QueryGen()
	for _, o := range outcomes {
		values = gen.AppendQuery(values, "(?, ?, CAST(? AS BIGINT), ?, ?, ?, ?),",
			o.id, o.seq, o.at, o.force, o.tries, o.lastError, o.setAside)
	}
	res, err := tx.NewRaw(updateQuery, bun.Ident(l.cfg.Table), owner, bun.Safe(values[:len(values)-1])).Exec(ctx)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
