// SPDX-License-Identifier: MPL-2.0

package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/muster-ci/muster/core"
)

// PostgreSQL's codes that are asked for by name; the rest go by class.
const (
	pgUnique            = "23505"
	pgSerialization     = "40001"
	pgDeadlock          = "40P01"
	pgReadOnly          = "25006" // a standby, while the roles change
	pgClassConnection   = "08"
	pgClassResources    = "53" // too many connections, disk full, out of memory
	pgClassIntervention = "57P"
)

// IsUnique reports whether err says that a unique index or primary key refused
// a row.
func IsUnique(err error) bool {
	if code := pgCode(err); code != "" {
		return code == pgUnique
	}
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// IsUnavailable reports whether err says that the database is away or cannot
// take the work just now, as opposed to having refused it.
func IsUnavailable(err error) bool {
	if err == nil {
		return false
	}
	if code := pgCode(err); code != "" {
		return code == pgReadOnly || strings.HasPrefix(code, pgClassConnection) ||
			strings.HasPrefix(code, pgClassResources) || strings.HasPrefix(code, pgClassIntervention)
	}
	if isBusy(err) || sqliteCode(err)&0xff == sqlite3.SQLITE_FULL {
		return true
	}
	var connect *pgconn.ConnectError
	var op *net.OpError
	return errors.As(err, &connect) || errors.As(err, &op) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isRetryable reports whether the same transaction may well pass at once.
func isRetryable(err error) bool {
	code := pgCode(err)
	return code == pgSerialization || code == pgDeadlock || isBusy(err)
}

// isBusy looks at the low byte: SQLite puts the finer reason above it.
func isBusy(err error) bool {
	code := sqliteCode(err) & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

func pgCode(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// sqliteCode is 0, SQLite's OK, for errors of other kinds.
func sqliteCode(err error) int {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()
	}
	return sqlite3.SQLITE_OK
}

// explain gives an error that says that the database is away its code. Others,
// and those that already have a code, stay as they are.
func explain(err error) error {
	var coded *core.Error
	if !IsUnavailable(err) || errors.As(err, &coded) {
		return err
	}
	return &core.Error{Code: core.CodeUnavailable, Message: "the database cannot be reached just now", Err: err}
}
