// SPDX-License-Identifier: MPL-2.0

package store_test

import (
	"context"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func openPG(t *testing.T, dsn, service string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Driver: store.Postgres, DSN: dsn, MaxConns: 4}, service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { report(t, db.Close()) })
	return db
}

func TestPostgresSchemaPerService(t *testing.T) {
	t.Parallel()
	dsn := storetest.PostgresDSN(t)
	one, two := openPG(t, dsn, "one"), openPG(t, dsn, "two")
	for _, db := range []*store.DB{one, two} {
		report(t, db.Migrate(t.Context(), migrations()))
	}
	if _, err := one.NewInsert().Model(&thing{ID: "1"}).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := two.NewSelect().Table("things").Count(t.Context()); err != nil || n != 0 {
		t.Errorf("one service sees %d rows of another, %v", n, err)
	}
}

// search_path holds on each connection of the pool and not only on the first.
func TestPostgresEachConnectionHasTheSchema(t *testing.T) {
	t.Parallel()
	db := openPG(t, storetest.PostgresDSN(t), "one")
	var wg, all sync.WaitGroup
	all.Add(4)
	for range 4 {
		wg.Go(func() {
			report(t, db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				var got string
				err := tx.NewRaw("SELECT current_schema()").Scan(ctx, &got)
				if got != "one" {
					t.Errorf("current schema is %q", got)
				}
				all.Done()
				all.Wait() // all four connections are in use now
				return err
			}))
		})
	}
	wg.Wait()
	if idle := db.DB.DB.Stats().Idle; idle != 4 {
		t.Errorf("%d connections are kept, want all 4: the next job needs them again", idle)
	}
}

func TestPostgresOpenAtOnce(t *testing.T) {
	t.Parallel()
	dsn := storetest.PostgresDSN(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db, err := store.Open(t.Context(), store.Config{Driver: store.Postgres, DSN: dsn}, "one")
			if err != nil {
				t.Error(err)
				return
			}
			report(t, db.Close())
		})
	}
	wg.Wait()
}

func TestPostgresThatIsAway(t *testing.T) {
	t.Parallel()
	_, err := store.Open(t.Context(), store.Config{Driver: store.Postgres, DSN: "postgres:///x?host=" + t.TempDir()}, "one")
	if core.ErrorCode(err) != core.CodeUnavailable || !store.IsUnavailable(err) {
		t.Errorf("got %v, want unavailable", err)
	}
	_, err = store.Open(t.Context(), store.Config{Driver: store.Postgres, DSN: "postgres://:x:y"}, "one")
	if core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("broken dsn: got %v, want invalid", err)
	}
	_, err = store.Open(t.Context(), store.Default(), `x"; DROP`)
	if core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("odd service name: got %v, want invalid", err)
	}
}

// A connection that the server ended says unavailable to who was using it, and
// the pool goes on with fresh ones.
func TestPostgresEndsConnections(t *testing.T) {
	t.Parallel()
	dsn := storetest.PostgresDSN(t)
	db, killer := openPG(t, dsn, "one"), openPG(t, dsn, "killer")
	const kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muster-one' AND datname = current_database()"
	err := db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := killer.NewRaw(kill).Exec(t.Context()); err != nil {
			return err
		}
		_, err := tx.NewRaw("SELECT 1").Exec(ctx)
		return err
	})
	if core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("in the transaction: got %v, want unavailable", err)
	}
	report(t, db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("SELECT 1").Exec(ctx)
		return err
	}))
}
