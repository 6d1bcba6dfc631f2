// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// DB is the database of one service. It is safe for use by many goroutines.
// The embedded bun.DB builds queries; see the package comment for what holds
// on both databases.
type DB struct {
	*bun.DB

	driver  string
	service string
	cleanup func() error
}

// Open connects to the database of service, and makes its schema or file when
// that is missing. It returns a CodeUnavailable error when the server cannot be
// reached. It creates no tables: see Migrate.
func Open(ctx context.Context, cfg Config, service string) (*DB, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !serviceName.MatchString(service) {
		return nil, core.Errorf(core.CodeInvalid, "service name %q cannot name a schema: use lower-case letters, digits and _", service)
	}
	open := openSQLite
	if cfg.Driver == Postgres {
		open = openPostgres
	}
	db, err := open(ctx, cfg, service)
	if err != nil {
		return nil, fmt.Errorf("opening the %s database of %s: %w", cfg.Driver, service, explain(err))
	}
	return db, nil
}

// Driver returns Postgres or SQLite.
func (db *DB) Driver() string { return db.driver }

// ForUpdate locks the rows of a select inside a transaction until it ends. On
// SQLite it changes nothing: a transaction there has the database to itself.
func (db *DB) ForUpdate(q *bun.SelectQuery) *bun.SelectQuery {
	if db.driver == Postgres {
		return q.For("UPDATE")
	}
	return q
}

// Ping returns nil when the database answers a query. On SQLite it does not
// wait for a running transaction.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.NewSelect().ColumnExpr("1").Scan(ctx, &one); err != nil {
		return fmt.Errorf("asking the database: %w", explain(err))
	}
	return nil
}

// Close ends all connections. Calls after the first do nothing.
func (db *DB) Close() error {
	if err := db.DB.Close(); err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	if db.cleanup != nil {
		return db.cleanup()
	}
	return nil
}
