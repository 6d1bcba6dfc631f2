// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the "sqlite" driver, SQLite in pure Go
)

// busyTimeout is how long, in milliseconds, SQLite waits for another process
// that writes. Within a process the pool of one writer is the queue, which
// unlike SQLite's own polling is fair and wakes at once.
const busyTimeout = "10000"

func openSQLite(ctx context.Context, cfg Config, service string) (*DB, error) {
	dir, cleanup, err := sqliteFolder(cfg.DSN)
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(filepath.Join(dir, service+".db"))
	if err != nil {
		return nil, fmt.Errorf("finding the folder: %w", err)
	}
	writer, err := openWriter(ctx, sqliteURL(path, cfg, false))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	reader, err := sql.Open("sqlite", sqliteURL(path, cfg, true))
	if err != nil {
		return nil, fmt.Errorf("opening %s for reading: %w", path, err)
	}
	reader.SetMaxOpenConns(cfg.MaxConns)
	reader.SetMaxIdleConns(cfg.MaxConns)
	db := newBun(writer, reader, sqlitedialect.New())
	return &DB{DB: db, driver: SQLite, service: service, cleanup: cleanup}, nil
}

// sqliteFolder makes the folder of the files; without one it makes a private
// folder and returns what removes it.
func sqliteFolder(dsn string) (dir string, cleanup func() error, err error) {
	if dsn == "" {
		dir, err = os.MkdirTemp("", "muster-store-")
		if err != nil {
			return "", nil, fmt.Errorf("making a private folder: %w", err)
		}
		return dir, func() error { return os.RemoveAll(dir) }, nil
	}
	if err := os.MkdirAll(dsn, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the folder: %w", err)
	}
	return dsn, nil, nil
}

// openWriter opens the one writing connection. Switching a new file to WAL
// takes a lock for which SQLite does not wait, so that is tried again while
// another process does the same.
func openWriter(ctx context.Context, dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	if err := retry(ctx, func() error { return db.PingContext(ctx) }); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func sqliteURL(path string, cfg Config, reader bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", busyTimeout)
	q.Set("_foreign_keys", "1")
	// Without this a misspelt column would be taken for a string.
	q.Set("_dqs", "0")
	// FULL and not NORMAL: a commit is an acknowledgement to another service,
	// and NORMAL in WAL mode may lose the last ones in a power cut.
	q.Set("_synchronous", "FULL")
	if cfg.SkipSync {
		q.Set("_synchronous", "OFF")
	}
	if reader {
		q.Set("_query_only", "1")
	} else {
		q.Set("_journal_mode", "WAL")
		// A transaction that reads first and writes later could not be given the
		// lock any more once another has written; this takes the lock at BEGIN.
		q.Set("_txlock", "immediate")
		q.Add("_pragma", "journal_size_limit(67108864)")
		if cfg.LargeRows {
			q.Add("_pragma", "page_size(16384)")
			q.Add("_pragma", "wal_autocheckpoint(4096)") // pages
		}
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}
