// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/muster-ci/muster/core"
)

const (
	connectTimeout = 5 * time.Second
	// Connections that were needed in a burst are given back soon, so that the
	// few that PostgreSQL has are there for the service that is busy now. A new
	// one costs 10 to 30 ms, so as many stay as work on one job needs at once.
	idleConns    = 4
	connIdleTime = time.Minute
	// A bounded life lets a restarted or failed-over server be found, and its
	// memory per connection be freed.
	connLifetime = 30 * time.Minute
)

func openPostgres(ctx context.Context, cfg Config, service string) (*DB, error) {
	conf, err := pgx.ParseConfig(cfg.DSN)
	if err != nil {
		// pgx leaves the password out of its error, the DSN itself stays here.
		return nil, core.Errorf(core.CodeInvalid, "reading the store dsn: %w", err)
	}
	connParams(conf, service)
	pool := sql.OpenDB(stdlib.GetConnector(*conf))
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(min(idleConns, cfg.MaxConns))
	pool.SetConnMaxIdleTime(connIdleTime)
	pool.SetConnMaxLifetime(connLifetime)
	db := newBun(pool, pool, pgdialect.New())
	out := &DB{DB: db, driver: Postgres, service: service}
	if err := out.makeSchema(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return out, nil
}

// connParams sets what holds on each connection of the pool from its first
// statement on.
func connParams(conf *pgx.ConnConfig, service string) {
	conf.RuntimeParams["search_path"] = service
	conf.RuntimeParams["application_name"] = "muster-" + service
	// bun writes arguments into the statement, so each text is new and a cache
	// of prepared statements would only cost a round trip for each. Its quoting
	// leans on the two settings that follow.
	conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conf.RuntimeParams["standard_conforming_strings"] = "on"
	conf.RuntimeParams["client_encoding"] = "UTF8"
	// A process that hangs inside a transaction must not hold its rows for ever.
	if _, set := conf.RuntimeParams["idle_in_transaction_session_timeout"]; !set {
		conf.RuntimeParams["idle_in_transaction_session_timeout"] = "60000"
	}
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = connectTimeout
	}
}

// makeSchema looks before it creates, so that a role that owns its schema but
// may create none still starts; and takes a lock, because CREATE SCHEMA IF NOT
// EXISTS fails when two run it at once.
func (db *DB) makeSchema(ctx context.Context) error {
	exists := func(q bun.IDB) (found bool, err error) {
		err = q.NewRaw("SELECT count(*) > 0 FROM pg_catalog.pg_namespace WHERE nspname = ?", db.service).Scan(ctx, &found)
		return found, err
	}
	if found, err := exists(db); err != nil || found {
		return err
	}
	return db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := db.advisoryLock(ctx, tx); err != nil {
			return err
		}
		if found, err := exists(tx); err != nil || found {
			return err
		}
		if _, err := tx.NewRaw("CREATE SCHEMA ?", bun.Ident(db.service)).Exec(ctx); err != nil {
			return fmt.Errorf("creating the schema: %w", err)
		}
		return nil
	})
}

// advisoryLock lets one transaction at a time change the layout of the
// service's tables. PostgreSQL frees it when tx ends.
func (db *DB) advisoryLock(ctx context.Context, tx bun.Tx) error {
	if _, err := tx.NewRaw("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", "muster/migrate/"+db.service).Exec(ctx); err != nil {
		return fmt.Errorf("waiting for other migrations: %w", err)
	}
	return nil
}
