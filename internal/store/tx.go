// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"
)

// txKey marks the context of a running transaction of the database behind it.
type txKey struct{ db *sql.DB }

// Tx runs fn in one transaction and commits when fn returns nil. When the
// database asks for it (a deadlock, a file locked by another process) all of fn
// runs again, so fn changes nothing but the database and sets, not adds to,
// what it hands out. SQLite's writer is taken from the first line of fn to the
// last: no calls to other services in it. Transactions do not nest.
//
// Errors of fn come back as they are, but for those that say that the database
// is away, which become core.CodeUnavailable.
func (db *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	key := txKey{db.DB.DB}
	if ctx.Value(key) != nil {
		return errOutsideTx()
	}
	inner := context.WithValue(ctx, key, true)
	return explain(retry(ctx, func() error { return db.once(inner, fn) }))
}

func (db *DB) once(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	committed := false
	// Deferred so that a panic of fn gives the connection back as well.
	defer func() {
		if !committed {
			err = errors.Join(err, rollback(tx))
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	committed = true
	return nil
}

// rollback ignores what is normal: the context's end and a lost connection have
// rolled back already.
func rollback(tx bun.Tx) error {
	err := tx.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) || IsUnavailable(err) {
		return nil
	}
	return fmt.Errorf("rolling back: %w", err)
}

const (
	retryTries = 12
	retryFirst = 2 * time.Millisecond
	retryMost  = 500 * time.Millisecond
)

// retry runs f again while it fails in a way that passes by itself.
func retry(ctx context.Context, f func() error) error {
	wait := retryFirst
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == retryTries || !isRetryable(err) {
			return err
		}
		// Half of it random, or those who collided meet again.
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		wait = min(2*wait, retryMost)
	}
}
