// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/muster-ci/muster/core"
)

// newBun passes over columns that a model does not know: while an update rolls
// out, the old program reads tables that the new one has already migrated.
func newBun(main, reader *sql.DB, dialect schema.Dialect) *bun.DB {
	return bun.NewDB(main, dialect, bun.WithDiscardUnknownColumns(), bun.WithConnResolver(&router{main: main, reader: reader}))
}

// router sends selects to the readers and everything else to the main pool,
// which on SQLite is the one writer. It is asked only for queries that are not
// bound to a transaction.
type router struct {
	main   *sql.DB
	reader *sql.DB
}

// ResolveConn implements bun.ConnResolver.
func (r *router) ResolveConn(ctx context.Context, query bun.Query) bun.IConn {
	if _, ok := query.(*bun.SelectQuery); ok {
		return explaining{r.reader}
	}
	// A raw statement may write whatever bun calls it, so only the query's type
	// counts.
	if ctx.Value(txKey{r.main}) != nil {
		return refusing{r.main}
	}
	return explaining{r.main}
}

// Close implements bun.ConnResolver.
func (r *router) Close() error { return r.reader.Close() }

// explaining gives errors their code where a query stands alone, as Tx does for
// a transaction, so that an outage of the database is not taken for a defect by
// whoever asked over HTTP.
type explaining struct{ *sql.DB }

func (e explaining) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := e.DB.ExecContext(ctx, query, args...)
	return res, explain(err)
}

func (e explaining) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := e.DB.QueryContext(ctx, query, args...)
	return rows, explain(err)
}

// errOutsideTx is the answer to what would wait for itself for ever on SQLite,
// and would escape the transaction on PostgreSQL.
func errOutsideTx() error {
	return core.Errorf(core.CodeInternal, "a statement inside Tx went past its transaction: use the tx, not the DB")
}

// refusing is the main pool with its statements refused.
type refusing struct{ *sql.DB }

func (refusing) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, errOutsideTx()
}

func (refusing) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, errOutsideTx()
}
