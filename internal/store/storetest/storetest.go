// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/muster-ci/muster/internal/store"
)

// Open returns a fresh SQLite database in the test's temporary folder, closed
// when the test ends.
func Open(t testing.TB, service string) *store.DB {
	t.Helper()
	return open(t, store.Config{Driver: store.SQLite, DSN: t.TempDir(), SkipSync: true}, service)
}

// Each runs f twice, as the subtests "sqlite" and "postgres", each with a fresh
// database of its own. open returns a further connection pool to the same
// database at each call, as a second process would have it; all are closed when
// the subtest ends. Where no PostgreSQL is installed its subtest is skipped, and
// fails when the environment says CI=true. f may call t.Parallel.
func Each(t *testing.T, service string, f func(t *testing.T, open func() *store.DB)) {
	t.Helper()
	t.Run(store.SQLite, func(t *testing.T) {
		cfg := store.Config{Driver: store.SQLite, DSN: t.TempDir(), SkipSync: true}
		f(t, func() *store.DB { t.Helper(); return open(t, cfg, service) })
	})
	t.Run(store.Postgres, func(t *testing.T) {
		cfg := store.Config{Driver: store.Postgres, DSN: PostgresDSN(t)}
		f(t, func() *store.DB { t.Helper(); return open(t, cfg, service) })
	})
}

// PostgresDSN returns the URL of a fresh, empty database on the test binary's
// own server, dropped when the test ends. It skips or fails the test as Each
// says when there is no server.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	c, err := theCluster()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("starting PostgreSQL for the tests: %v", err)
		}
		t.Skipf("no PostgreSQL for the tests (install the postgresql package): %v", err)
	}
	name := "t_" + strings.ToLower(rand.Text())
	admin(t, c, "CREATE DATABASE "+name+" TEMPLATE template0")
	// FORCE, so that a pool that a test forgot does not hide what the test says.
	t.Cleanup(func() { admin(t, c, "DROP DATABASE "+name+" WITH (FORCE)") })
	return c.dsn(name)
}

func admin(t testing.TB, c *cluster, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.dsn("postgres"))
	if err != nil {
		t.Fatalf("connecting to the tests' PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func open(t testing.TB, cfg store.Config, service string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), cfg, service)
	if err != nil {
		t.Fatalf("opening a %s database: %v", cfg.Driver, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return db
}

func (c *cluster) dsn(database string) string {
	q := url.Values{"host": {c.dir}, "user": {superuser}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}
	return u.String()
}
