// SPDX-License-Identifier: MPL-2.0

package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type thing struct {
	bun.BaseModel `bun:"table:things"`

	ID      string                        `bun:"id,pk"`
	Kind    string                        `bun:"kind"`
	Raw     []byte                        `bun:"raw"`
	At      store.Time                    `bun:"at"`
	Never   store.Time                    `bun:"never"`
	Details store.JSON[map[string]string] `bun:"details"`
	Count   int64                         `bun:"count"`
	On      bool                          `bun:"is_on"`
}

func migrations() fstest.MapFS {
	return fstest.MapFS{
		"001_things.sql": {Data: []byte(`-- A comment that ends with a semicolon;
CREATE TABLE things (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL DEFAULT '{}' UNIQUE,
	raw {{bytes}},
	at BIGINT, never BIGINT,
	details TEXT,
	count BIGINT NOT NULL DEFAULT 0,
	is_on BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE parts (thing_id TEXT NOT NULL REFERENCES things (id));
`)},
		"002_work.sql": {Data: []byte("CREATE TABLE chores ({{work_columns}});\n{{work_index \"chores\"}};\n")},
	}
}

// each runs f on a migrated database.
func each(t *testing.T, f func(t *testing.T, db *store.DB, open func() *store.DB)) {
	storetest.Each(t, "things", func(t *testing.T, open func() *store.DB) {
		t.Parallel()
		db := open()
		if err := db.Migrate(t.Context(), migrations()); err != nil {
			t.Fatal(err)
		}
		f(t, db, open)
	})
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, open func() *store.DB) {
		want := thing{
			ID: `a?b'c"d\`, Kind: "ü€😀\n", Raw: []byte{0, 255, '\'', '\\'},
			At:      store.At(time.Date(2026, 5, 4, 3, 2, 1, 123456789, time.FixedZone("x", 3600))),
			Details: store.JSON[map[string]string]{V: map[string]string{"a": "nul \x00, ? and '"}},
			Count:   1<<63 - 1, On: true,
		}
		if _, err := db.NewInsert().Model(&want).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got thing
		if err := open().NewSelect().Model(&got).Where("id = ?", want.ID).Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("row changed on its way (-want +got):\n%s", diff)
		}
		if got.Never.Ptr() != nil || !got.Never.IsZero() {
			t.Errorf("a zero time came back as %v", got.Never)
		}
		var micros int64
		if err := db.NewSelect().Table("things").Column("at").Scan(t.Context(), &micros); err != nil || micros != want.At.Time().UnixMicro() {
			t.Errorf("stored time is %d, %v; want microseconds %d", micros, err, want.At.Time().UnixMicro())
		}
	})
}

func TestUniqueViolations(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, _ func() *store.DB) {
		insert := func(id, kind string) error {
			return db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.NewInsert().Model(&thing{ID: id, Kind: kind}).Exec(ctx)
				return err
			})
		}
		if err := insert("1", "a"); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"primary key": insert("1", "b"), "index": insert("2", "a")} {
			if !store.IsUnique(err) || !store.IsUnique(fmt.Errorf("wrapped: %w", err)) {
				t.Errorf("%s: IsUnique is false for %v", name, err)
			}
		}
		_, err := db.NewRaw("INSERT INTO parts (thing_id) VALUES ('none')").Exec(t.Context())
		if err == nil || store.IsUnique(err) {
			t.Errorf("foreign key: got %v, want a violation that is not one of uniqueness", err)
		}
		if store.IsUnique(nil) || store.IsUnique(errors.New("unique")) {
			t.Error("IsUnique is true for what no database said")
		}
	})
}

func TestTxRollsBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, _ func() *store.DB) {
		insert := func(ctx context.Context, tx bun.Tx) {
			if _, err := tx.NewInsert().Model(&thing{ID: "1", Kind: "a"}).Exec(ctx); err != nil {
				t.Error(err)
			}
		}
		cause := errors.New("changed my mind")
		err := db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			insert(ctx, tx)
			return cause
		})
		if !errors.Is(err, cause) {
			t.Errorf("got error %v, want that of the function", err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				insert(ctx, tx)
				panic("at the worst moment")
			})
		}()
		if n, err := db.NewSelect().Table("things").Count(t.Context()); err != nil || n != 0 {
			t.Errorf("%d rows survived, %v; want none", n, err)
		}
	})
}

func TestWritesPastTheTransactionAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, _ func() *store.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := db.Tx(ctx, func(ctx context.Context, _ bun.Tx) error {
			_, err := db.NewInsert().Model(&thing{ID: "1"}).Exec(ctx)
			if core.ErrorCode(err) != core.CodeInternal || ctx.Err() != nil {
				t.Errorf("insert through the DB: got %v, want it refused", err)
			}
			err = db.Tx(ctx, func(context.Context, bun.Tx) error { return nil })
			if core.ErrorCode(err) != core.CodeInternal {
				t.Errorf("nested transaction: got %v, want it refused", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Transactions that read, then write what they read plus one, lose no update:
// three connection pools stand for three processes.
func TestConcurrentTransactions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, open func() *store.DB) {
		if _, err := db.NewInsert().Model(&thing{ID: "1"}).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		const rounds = 20
		var wg sync.WaitGroup
		pools := []*store.DB{db, open(), open()}
		for i := range 9 {
			wg.Go(func() {
				pool := pools[i%len(pools)]
				for range rounds {
					if err := increment(t.Context(), pool); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		var count int
		if err := db.NewSelect().Table("things").Column("count").Scan(t.Context(), &count); err != nil || count != 9*rounds {
			t.Errorf("counted to %d, %v; want %d", count, err, 9*rounds)
		}
	})
}

func increment(ctx context.Context, db *store.DB) error {
	return db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var row thing
		if err := db.ForUpdate(tx.NewSelect().Model(&row).Where("id = '1'")).Scan(ctx); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model(&row).Set("count = ?", row.Count+1).WherePK().Exec(ctx)
		return err
	})
}

// Deadlocks are the database's to break and Tx's to hide.
func TestDeadlocksAreRetried(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, _ func() *store.DB) {
		rows := []thing{{ID: "1", Kind: "a"}, {ID: "2", Kind: "b"}}
		if _, err := db.NewInsert().Model(&rows).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		touch := func(ids ...string) error {
			return db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				for _, id := range ids {
					if _, err := tx.NewUpdate().Table("things").Set("count = count + 1").Where("id = ?", id).Exec(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { report(t, touch("1", "2")) })
			wg.Go(func() { report(t, touch("2", "1")) })
		}
		wg.Wait()
	})
}

func report(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestSelectsDoNotWaitForATransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, _ func() *store.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := db.Tx(ctx, func(inner context.Context, tx bun.Tx) error {
			if _, err := tx.NewInsert().Model(&thing{ID: "1"}).Exec(inner); err != nil {
				return err
			}
			if n, err := db.NewSelect().Table("things").Count(ctx); err != nil || n != 0 {
				t.Errorf("outside the transaction: %d rows, %v; want none yet", n, err)
			}
			if n, err := tx.NewSelect().Table("things").Count(inner); err != nil || n != 1 {
				t.Errorf("inside the transaction: %d rows, %v; want its own", n, err)
			}
			return db.Ping(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := db.NewSelect().Table("things").Count(ctx); err != nil || n != 1 {
			t.Errorf("after the transaction: %d rows, %v; want 1", n, err)
		}
	})
}

// A program from before a migration reads the columns it knows.
func TestUnknownColumnsArePassedOver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB, _ func() *store.DB) {
		if _, err := db.NewInsert().Model(&thing{ID: "1", Kind: "a"}).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		var old struct{ ID string }
		if err := db.NewRaw("SELECT * FROM things").Scan(t.Context(), &old); err != nil || old.ID != "1" {
			t.Errorf("got %+v, %v", old, err)
		}
	})
}
