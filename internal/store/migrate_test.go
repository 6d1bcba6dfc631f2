// SPDX-License-Identifier: MPL-2.0

package store_test

import (
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// Eight processes start at once on an empty database.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "things", func(t *testing.T, open func() *store.DB) {
		files := migrations()
		// A second run of this one would double its row.
		files["003_rows.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO parts VALUES ('1');\n")}
		files["001_things.sql"].Data = []byte(strings.ReplaceAll(string(files["001_things.sql"].Data), " REFERENCES things (id)", ""))
		start := make(chan struct{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				<-start
				report(t, open().Migrate(t.Context(), files))
			})
		}
		close(start)
		wg.Wait()
		if n, err := open().NewSelect().Table("parts").Count(t.Context()); err != nil || n != 1 {
			t.Errorf("the migration ran %d times, %v; want once", n, err)
		}
	})
}

func TestMigrateGoesOnly(t *testing.T) {
	t.Parallel()
	file := func(sql string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(sql)} }
	one, two := file("CREATE TABLE one (id TEXT);\n"), file("CREATE TABLE two (id TEXT);\n")
	first := fstest.MapFS{"001_one.sql": one, "003_two.sql": two}
	tests := map[string]struct {
		second fstest.MapFS
		code   core.Code
		word   string
	}{
		"the same again":     {first, "", ""},
		"one more":           {fstest.MapFS{"001_one.sql": one, "003_two.sql": two, "004_x.sql": file("CREATE TABLE x (id TEXT);\n")}, "", ""},
		"an older program":   {fstest.MapFS{"001_one.sql": one}, "", ""},
		"a changed file":     {fstest.MapFS{"001_one.sql": file("CREATE TABLE one (id TEXT, n BIGINT);\n"), "003_two.sql": two}, core.CodeConflict, "001_one.sql has changed"},
		"one in between":     {fstest.MapFS{"001_one.sql": one, "002_x.sql": file("SELECT 1;\n"), "003_two.sql": two}, core.CodeConflict, "002_x.sql sorts before"},
		"a renamed file":     {fstest.MapFS{"001_uno.sql": one, "003_two.sql": two}, core.CodeConflict, "001_one.sql was applied and is missing"},
		"the same number":    {fstest.MapFS{"001_one.sql": one, "001_two.sql": two}, core.CodeInvalid, "same number"},
		"a badly named file": {fstest.MapFS{"one.sql": one}, core.CodeInvalid, "not named NNN_name.sql"},
		"broken SQL":         {fstest.MapFS{"001_one.sql": one, "003_two.sql": two, "004_x.sql": file("CREATE TABLE good (id TEXT);\nCREATE TABEL bad;\n")}, core.CodeInternal, "004_x.sql: statement 2"},
		"a broken template":  {fstest.MapFS{"001_one.sql": file("{{nope}}")}, core.CodeInternal, "nope"},
		"a table of quotes":  {fstest.MapFS{"001_one.sql": file("{{work_index \"a b\"}}")}, core.CodeInternal, "cannot name a table"},
	}
	storetest.Each(t, "things", func(t *testing.T, open func() *store.DB) {
		db := open()
		if err := db.Migrate(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		for name, test := range tests {
			err := db.Migrate(t.Context(), test.second)
			if core.ErrorCode(err) != test.code {
				t.Errorf("%s: got %v, want code %q", name, err, test.code)
			}
			if err != nil && !strings.Contains(err.Error(), test.word) {
				t.Errorf("%s: got %q, want it to say %q", name, err, test.word)
			}
			if test.code == "" {
				// Take back what this case applied.
				if _, err := db.NewRaw("DELETE FROM muster_migrations WHERE name > '003_two.sql'").Exec(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := db.NewRaw("DROP TABLE IF EXISTS x").Exec(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := db.NewRaw("SELECT * FROM good").Exec(t.Context()); err == nil {
			t.Error("half a migration stayed")
		}
	})
}

// SQLite finds work by the partial indexes and never by a scan of the table.
func TestWorkIndexesServe(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, "things")
	if err := db.Migrate(t.Context(), migrations()); err != nil {
		t.Fatal(err)
	}
	for query, index := range map[string]string{
		"SELECT id FROM chores WHERE due_at <= 5 AND due_at IS NOT NULL AND lease_until IS NULL AND NOT set_aside ORDER BY due_at LIMIT 4": "chores_due",
		"SELECT id FROM chores WHERE lease_until <= 5 AND lease_until IS NOT NULL ORDER BY lease_until LIMIT 1":                            "chores_leased",
		"SELECT count(*) FROM chores WHERE set_aside": "chores_set_aside",
	} {
		var plan []struct{ Detail string }
		if err := db.NewRaw("EXPLAIN QUERY PLAN "+query).Scan(t.Context(), &plan); err != nil {
			t.Fatal(err)
		}
		if len(plan) != 1 || !strings.Contains(plan[0].Detail, index) {
			t.Errorf("%s: plan is %v, want %s alone", query, plan, index)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	got := map[string]core.Code{}
	for name, cfg := range map[string]store.Config{
		"default":  store.Default(),
		"postgres": {Driver: store.Postgres, DSN: "postgres://x", MaxConns: 1},
		"unknown":  {Driver: "mysql", MaxConns: 1},
		"no dsn":   {Driver: store.Postgres, MaxConns: 1},
		"no conns": {Driver: store.SQLite},
		"too many": {Driver: store.SQLite, MaxConns: 1000},
	} {
		got[name] = core.ErrorCode(cfg.Validate())
	}
	want := map[string]core.Code{
		"default": "", "postgres": "", "unknown": core.CodeInvalid, "no dsn": core.CodeInvalid,
		"no conns": core.CodeInvalid, "too many": core.CodeInvalid,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
