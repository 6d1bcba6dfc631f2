// SPDX-License-Identifier: MPL-2.0

package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

func openLite(t *testing.T, dir string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, DSN: dir}, "things")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { report(t, db.Close()) })
	return db
}

// What makes a commit survive a power cut, and a slip not go unnoticed.
func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a folder?with %41 odd name#")
	db := openLite(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "things.db")); err != nil {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
	got := map[string]string{}
	for _, name := range []string{"journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only"} {
		var value string
		if err := db.NewRaw("PRAGMA "+name).Scan(t.Context(), &value); err != nil {
			t.Fatal(err)
		}
		got[name] = value
	}
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "query_only": "0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := db.NewRaw(`SELECT "no such column"`).Exec(t.Context()); err == nil {
		t.Error("a misspelt column was taken for a string")
	}
}

func TestSQLitePagesFitTheRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		large bool
		want  int
	}{{false, 4096}, {true, 16384}} {
		db, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, DSN: t.TempDir(), LargeRows: c.large}, "things")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { report(t, db.Close()) })
		var got int
		if err := db.NewRaw("PRAGMA page_size").Scan(t.Context(), &got); err != nil || got != c.want {
			t.Errorf("large rows %v: pages of %d bytes, want %d (%v)", c.large, got, c.want, err)
		}
	}
}

func TestSQLiteReadersCannotWrite(t *testing.T) {
	t.Parallel()
	db := openLite(t, t.TempDir())
	if err := db.Migrate(t.Context(), migrations()); err != nil {
		t.Fatal(err)
	}
	var id string
	cte := db.NewRaw("INSERT INTO things (id) VALUES ('1') RETURNING id")
	if err := db.NewSelect().With("x", cte).Table("x").Scan(t.Context(), &id); err == nil {
		t.Error("a select wrote a row")
	}
}

// Eight pools stand for eight processes that open the file, migrate it and
// write to it, in transactions and in statements of their own: none is told
// that the file is busy.
func TestSQLiteIsNeverBusy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const pools, rows = 8, 25
	var wg sync.WaitGroup
	for pool := range pools {
		wg.Go(func() {
			db, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, DSN: dir, SkipSync: true}, "things")
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { report(t, db.Close()) }()
			report(t, db.Migrate(t.Context(), migrations()))
			for row := range rows {
				id := fmt.Sprintf("%d/%d", pool, row)
				report(t, db.Tx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
					_, err := tx.NewInsert().Model(&thing{ID: id, Kind: id}).Exec(ctx)
					return err
				}))
				_, err := db.NewUpdate().Table("things").Set("count = count + 1").Where("id = ?", id).Exec(t.Context())
				report(t, err)
				_, err = db.NewSelect().Table("things").Count(t.Context())
				report(t, err)
			}
		})
	}
	wg.Wait()
	if n, err := openLite(t, dir).NewSelect().Table("things").Where("count = 1").Count(t.Context()); err != nil || n != pools*rows {
		t.Errorf("%d rows, %v; want %d", n, err, pools*rows)
	}
}

func TestSQLitePrivateFolder(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{}, "things")
	if err != nil {
		t.Fatal(err)
	}
	var file string
	if err := db.NewRaw("SELECT file FROM pragma_database_list").Scan(t.Context(), &file); err != nil {
		t.Fatal(err)
	}
	report(t, db.Close())
	report(t, db.Close())
	if _, err := os.Stat(filepath.Dir(file)); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", file, err)
	}
}

func TestTimeAndJSONScan(t *testing.T) {
	t.Parallel()
	var at store.Time
	for _, src := range []any{int64(5), "5", []byte("5")} {
		if err := at.Scan(src); err != nil || at.Time().UnixMicro() != 5 {
			t.Errorf("%T: got %v, %v", src, at, err)
		}
	}
	for _, src := range []any{"x", 1.5, time.Now()} {
		if at.Scan(src) == nil {
			t.Errorf("%T %v was taken for a time", src, src)
		}
	}
	j := store.JSON[map[string]int]{V: map[string]int{"old": 1}}
	if err := j.Scan(`{"new":2}`); err != nil || len(j.V) != 1 {
		t.Errorf("got %v, %v", j.V, err)
	}
	if err := j.Scan(nil); err != nil || j.V != nil {
		t.Errorf("NULL: got %v, %v", j.V, err)
	}
	if j.Scan("{") == nil || j.Scan(5) == nil {
		t.Error("broken JSON was taken")
	}
	if _, err := (store.JSON[any]{V: make(chan int)}).Value(); err == nil || core.ErrorCode(err) != core.CodeInternal {
		t.Errorf("a channel: got %v", err)
	}
}
