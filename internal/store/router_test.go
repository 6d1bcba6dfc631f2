// SPDX-License-Identifier: MPL-2.0

package store

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/muster-ci/muster/core"
)

// Queries that stand alone say that the database is away like transactions do.
func TestOutageHasItsCode(t *testing.T) {
	t.Parallel()
	conf, err := pgx.ParseConfig("postgres:///x?host=" + t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pool := stdlib.OpenDB(*conf)
	db := newBun(pool, pool, pgdialect.New())
	defer db.Close()
	var n int
	for name, err := range map[string]error{
		"select": db.NewSelect().ColumnExpr("1").Scan(t.Context(), &n),
		"raw":    db.NewRaw("SELECT 1").Scan(t.Context(), &n),
		"exec":   func() error { _, err := db.NewRaw("SELECT 1").Exec(t.Context()); return err }(),
	} {
		if core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("%s: got %v, want unavailable", name, err)
		}
	}
}
