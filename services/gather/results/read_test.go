// SPDX-License-Identifier: MPL-2.0

package results

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
)

// start runs the service; stop ends it and waits.
func (b *bench) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run ended with %v", err)
		}
	}
}

// settled waits until a job's uploads are read: it looks each time that one was
// written.
func (b *bench) settled(written <-chan struct{}, id core.JobID) core.TestList {
	b.t.Helper()
	for {
		list, err := b.JobTests(b.t.Context(), core.TestFilter{Job: id})
		if err != nil {
			b.t.Fatal(err)
		}
		if list.Pending == 0 {
			return list
		}
		select {
		case <-written:
		case <-time.After(30 * time.Second):
			b.t.Fatal("nothing more is read")
		}
	}
}

// TestOutage has the archives out of reach, then a stream that breaks off, then
// what was kept.
func TestOutage(t *testing.T) {
	testx.NoLeaks(t)
	b := newBench(t, storetest.Open(t, "results"), nil)
	b.deps.Clock = time.Now
	var err error
	if b.Service, err = New(b.cfg, b.deps); err != nil {
		t.Fatal(err)
	}
	written, cancel := b.hints.Subscribe(revisionsTopic)
	defer cancel()
	b.shelf.put(t, "a", "x.xml", suiteOf("A", "", "a1 success 1", "a2 success 1"))
	away := core.Errorf(core.CodeUnavailable, "output is away")
	b.shelf.errors["a"] = []error{away, away, errors.New("the connection was reset")}
	b.shelf.cuts["a"] = 700 // in the first file
	stop := b.start()
	defer stop()
	if err := b.AddResults(t.Context(), []core.TestUpload{upload("a", func(u *core.TestUpload) { u.At = time.Now() })}); err != nil {
		t.Fatal(err)
	}
	got := b.settled(written, "job-7")
	if diff := cmp.Diff([]string{"a1 success", "a2 success"}, names(got.Items)); diff != "" || len(got.Problems) != 0 {
		t.Errorf("problems %+v, tests differ (-want +got):\n%s", got.Problems, diff)
	}
	if len(b.shelf.opened) != 5 {
		t.Errorf("the archive was opened %d times, want 5", len(b.shelf.opened))
	}
}

// crash makes every query from the nth on fail, as for a process that is gone.
type crash struct {
	at   int64
	seen atomic.Int64
}

func (c *crash) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	if c.seen.Add(1) < c.at {
		return ctx
	}
	dead, cancel := context.WithCancel(ctx)
	cancel()
	return dead
}

func (c *crash) AfterQuery(context.Context, *bun.QueryEvent) {}

// TestKilledAtEachQuery kills the reading and the comparing of an upload before
// each of their queries. What is there afterwards is nothing or all of it, and a
// second process brings it to its end.
func TestKilledAtEachQuery(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "results", func(t *testing.T, open func() *store.DB) {
		db := open()
		files := []string{"x.xml", suiteOf("A", "a.go", "a1 failure 1", "a2 success 1", "a3 flaky 1"), "y.xml", "<coverage/>"}
		kills := 0
		for n := int64(1); ; n++ {
			b := newBench(t, db, nil)
			id := core.JobID(fmt.Sprint("job", n))
			u := upload(fmt.Sprint("u", n), func(u *core.TestUpload) { u.Job, u.Revision = id, fmt.Sprint("r", n) })
			b.shelf.put(t, u.Archive, files...)
			if err := b.AddResults(t.Context(), []core.TestUpload{u}); err != nil {
				t.Fatal(err)
			}
			row := b.row(u.Archive)
			dying := open()
			dying.AddQueryHook(&crash{at: n})
			victim := newBench(t, db, nil)
			victim.shelf, victim.deps.Archives, victim.deps.DB = b.shelf, b.shelf, dying
			died := victim.read(t.Context(), row) != nil
			if !died {
				due := revisionRow{Project: u.Project, JobName: u.JobName, Revision: u.Revision}
				due.ID = digest(string(u.Project), u.JobName, u.Revision)
				died = victim.compare(t.Context(), &due) != nil
			}
			b.whole(t, id)
			if err := b.read(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			b.compareDue()
			if list, err := b.JobTests(t.Context(), core.TestFilter{Job: id}); err != nil || len(list.Items) != 3 || list.Pending != 0 || len(list.Problems) != 1 {
				t.Errorf("killed at %d: got %+v, %v at the end", n, list, err)
			}
			if flaky, err := b.FlakyTests(t.Context(), "project"); err != nil || len(flaky) != 1 || flaky[0].Times != int(n) {
				t.Errorf("killed at %d: got the flaky tests %+v, %v", n, flaky, err)
			}
			if !died {
				break
			}
			kills++
		}
		if kills < 8 {
			t.Errorf("only %d kills: the queries were not seen", kills)
		}
	})
}

// whole fails the test where a part of an upload is to be seen.
func (b *bench) whole(t *testing.T, id core.JobID) {
	t.Helper()
	list, err := b.JobTests(t.Context(), core.TestFilter{Job: id})
	nothing := list.Pending == 1 && len(list.Items) == 0 && len(list.Problems) == 0
	all := list.Pending == 0 && len(list.Items) == 3 && len(list.Problems) == 1
	if err != nil || !nothing && !all {
		t.Errorf("%s: got %+v, %v: neither nothing nor all", id, list, err)
	}
}

// TestProblems reads uploads with something wrong about them. None of it is an
// error that would have the upload read again.
func TestProblems(t *testing.T) {
	t.Parallel()
	good := suiteOf("A", "", "a1 success 1")
	for name, c := range map[string]struct {
		files   []string
		change  func(*Config)
		damage  func([]byte) []byte
		tests   int
		problem string
	}{
		"no XML":         {files: []string{"a.xml", "hello", "b.xml", good}, tests: 1, problem: "a.xml: it holds no test results"},
		"nothing at all": {},
		"a file too long": {files: []string{"a.xml", good + strings.Repeat(" ", 3000), "b.xml", good}, tests: 2,
			change: func(c *Config) { c.FileBytes = 1 << 10 }, problem: "a.xml: it is longer than"},
		"all too long": {files: []string{"a.xml", good, "b.xml", good + strings.Repeat(" ", 9000), "c.xml", good}, tests: 2,
			change: func(c *Config) { c.FileBytes, c.UploadBytes = 5<<10, 5<<10 }, problem: "longer than"},
		"too many tests": {files: []string{"a.xml", suiteOf("A", "", "a1 success 1", "a2 success 1", "a3 success 1"), "b.xml", good}, tests: 2,
			change: func(c *Config) { c.Tests = 2 }, problem: "more than 2 tests"},
		"damaged": {files: []string{"a.xml", good, "b.xml", good}, tests: 1, damage: func(b []byte) []byte { return append(b[:1100:1100], bytes.Repeat([]byte("x"), 2000)...) },
			problem: "damaged"},
		"long names": {files: []string{strings.Repeat("é", 2000) + ".xml", "hello"}, problem: "it holds no test results"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.Open(t, "results"), c.change)
			b.shelf.put(t, "a", c.files...)
			if c.damage != nil {
				b.shelf.files["a"] = c.damage(b.shelf.files["a"])
			}
			if err := b.AddResults(t.Context(), []core.TestUpload{upload("a", nil)}); err != nil {
				t.Fatal(err)
			}
			if err := b.read(t.Context(), b.row("a")); err != nil {
				t.Fatal(err)
			}
			got, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7"})
			if err != nil || got.Pending != 0 || len(got.Items) != c.tests {
				t.Errorf("got %d tests, %d pending, %v, want %d tests", len(got.Items), got.Pending, err, c.tests)
			}
			var said []string
			for _, p := range got.Problems {
				said = append(said, p.File+": "+p.Message)
			}
			if c.problem == "" != (len(said) == 0) || !strings.Contains(strings.Join(said, "\n"), c.problem) {
				t.Errorf("got the problems %q, want %q", said, c.problem)
			}
		})
	}
}

func TestArchiveIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "results"), nil)
	b.shelf.errors["a"] = []error{core.Errorf(core.CodeNotFound, "there is no such archive")}
	if err := b.AddResults(t.Context(), []core.TestUpload{upload("a", nil)}); err != nil {
		t.Fatal(err)
	}
	if err := b.read(t.Context(), b.row("a")); err != nil {
		t.Fatal(err)
	}
	got, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7"})
	if err != nil || got.Pending != 0 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Message, "not kept any more") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestSetAside shows people an upload that cannot be read, and lets what can be
// rerun be rerun.
func TestSetAside(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "results"), nil)
	b.take(upload("a", nil), "x.xml", suiteOf("A", "", "a1 failure 1"))
	if err := b.AddResults(t.Context(), []core.TestUpload{upload("b", func(u *core.TestUpload) { u.Index = 1 })}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.NewUpdate().TableExpr("uploads").Set("set_aside = ?", true).Where("id = 'b'").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7"})
	if err != nil || got.Pending != 0 || len(got.Problems) != 1 || got.Problems[0].Index != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	failed, err := b.FailedTests(t.Context(), "job-7")
	if diff := cmp.Diff([]int{0}, failed.Indexes); err != nil || diff != "" {
		t.Errorf("%v, indexes differ (-want +got):\n%s", err, diff)
	}
}

// TestMessagesHaveABudget bounds what is kept of all messages together.
func TestMessagesHaveABudget(t *testing.T) {
	t.Parallel()
	f := &findings{upload: "a", most: 10_000}
	var in strings.Builder
	in.WriteString("<testsuite>")
	for i := range 3000 {
		fmt.Fprintf(&in, `<testcase name="t%d"><failure>%s</failure></testcase>`, i, strings.Repeat("x", 16<<10))
	}
	s := &Service{cfg: Default()}
	if err := s.readFile(strings.NewReader(in.String()+"</testsuite>"), "a.xml", f); err != nil {
		t.Fatal(err)
	}
	total := 0
	if err := f.pack(); err != nil {
		t.Fatal(err)
	}
	for _, part := range f.parts {
		tests, err := unpackTests(part.Packed)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range tests {
			total += len(one.Message)
		}
		if part.Failed != part.Tests || len(tests) != part.Tests {
			t.Errorf("part %d counts %d failed of %d, and has %d", part.Part, part.Failed, part.Tests, len(tests))
		}
	}
	if f.tests != 3000 || total < messageBudget-16<<10 || total > messageBudget+3000*firstWords {
		t.Errorf("got %d tests with messages of %d bytes", f.tests, total)
	}
}
