// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/work"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	table   = "chores"
	topic   = "test.chores"
	patient = 30 * time.Second // for what must happen; nothing waits for its end
)

// chore is an entity with work and a column of its own.
type chore struct {
	bun.BaseModel `bun:"table:chores"`
	work.Item

	Note string `bun:"note"`
}

var migrations = fstest.MapFS{"001_chores.sql": {Data: []byte(
	"CREATE TABLE chores ({{work_columns}}, note TEXT NOT NULL DEFAULT '');\n{{work_index \"chores\"}};\n",
)}}

func newClock() *testx.Clock { return testx.NewClock(time.Date(2021, 1, 2, 3, 4, 5, 0, time.UTC)) }

// bench is what a test works with: one database, one clock, local hints.
type bench struct {
	t     *testing.T
	db    *store.DB
	open  func() *store.DB
	clock *testx.Clock
	hints *hints.Local
}

// each runs f on both databases.
func each(t *testing.T, f func(b *bench)) {
	t.Helper()
	storetest.Each(t, "work", func(t *testing.T, open func() *store.DB) {
		t.Parallel()
		b := &bench{t: t, db: open(), open: open, clock: newClock(), hints: hints.NewLocal()}
		if err := b.db.Migrate(t.Context(), migrations); err != nil {
			t.Fatal(err)
		}
		f(b)
	})
}

// config is a loop's that polls so seldom that only hints, due times and lease
// ends can wake it within a test.
func (b *bench) config(handle func(ctx context.Context, rows []*chore) []work.Result) work.Config[*chore] {
	return work.Config[*chore]{
		Name: "test.chores", Table: table, DB: b.db, Hints: b.hints, Topic: topic,
		Clock: b.clock.Now, Poll: time.Hour, Handle: handle,
	}
}

// run starts a loop and returns what stops it and waits for its end.
func (b *bench) run(cfg work.Config[*chore]) (stop func()) {
	b.t.Helper()
	_, stop = b.begin(cfg)
	return stop
}

// begin is run for those who need the loop itself.
func (b *bench) begin(cfg work.Config[*chore]) (loop *work.Loop[*chore], stop func()) {
	b.t.Helper()
	loop, err := work.New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := loop.Run(ctx); err != nil {
			b.t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	b.t.Cleanup(stop)
	return loop, stop
}

// add inserts rows that are due now.
func (b *bench) add(ids ...string) {
	b.t.Helper()
	rows := make([]*chore, len(ids))
	for i, id := range ids {
		rows[i] = &chore{Item: work.Item{ID: id, DueAt: store.At(b.clock.Now())}}
	}
	if _, err := b.db.NewInsert().Model(&rows).Exec(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) mark(at time.Time, ids ...string) {
	b.t.Helper()
	if err := work.MarkDue(b.t.Context(), b.db, table, at, ids...); err != nil {
		b.t.Fatal(err)
	}
}

// row returns a row as it stands, nil when it is gone.
func (b *bench) row(id string) *chore {
	b.t.Helper()
	var rows []*chore
	if err := b.db.NewSelect().Model(&rows).Where("id = ?", id).Scan(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if len(rows) == 0 {
		return nil
	}
	return rows[0]
}

// results gives every row the same.
func results(rows []*chore, r work.Result) []work.Result {
	return slices.Repeat([]work.Result{r}, len(rows))
}

// recv takes one value in time.
func recv[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patient):
		t.Fatalf("timed out waiting for %s", what)
		panic("unreachable")
	}
}

func TestItemHasTheColumns(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, "work")
	if err := db.Migrate(t.Context(), migrations); err != nil {
		t.Fatal(err)
	}
	var columns []struct{ Name string }
	if err := db.NewRaw("PRAGMA table_info(chores)").Scan(t.Context(), &columns); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range columns[:len(columns)-1] {
		want = append(want, c.Name)
	}
	var got []string
	for field := range reflect.TypeFor[work.Item]().Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("bun"), ",")
		got = append(got, name)
		if name != "id" && option != "skipupdate" {
			t.Errorf("%s: an update of a whole model would write it", field.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("Item has %v, the table %v", got, want)
	}
}

func TestUpdateOfAModelLeavesTheItemAlone(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a")
		stale := b.row("a")
		b.mark(b.clock.Now(), "a")
		stale.Note = "new"
		stale.DueAt = store.Time{}
		if _, err := b.db.NewUpdate().Model(stale).WherePK().Exec(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
		got := b.row("a")
		if got.Note != "new" || got.DueSeq != 1 || got.DueAt.IsZero() {
			b.t.Errorf("got %+v, want the new note and the mark", got)
		}
	})
}
