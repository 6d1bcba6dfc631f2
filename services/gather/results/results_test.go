// SPDX-License-Identifier: MPL-2.0

package results

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func TestJobTests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.take(upload("b", func(u *core.TestUpload) { u.Index = 1 }), "x.xml", suiteOf("B", "b.go", "b1 error 1"))
		b.take(upload("a", nil), "one.xml", suiteOf("A", "a.go", "a1 success 1", "a2 failure 2", "a3 skipped 0"), "coverage.xml", "<coverage/>", "two.xml", suiteOf("A", "a.go", "a4 success 1")[:60])
		if err := b.AddResults(t.Context(), []core.TestUpload{upload("c", func(u *core.TestUpload) { u.Index = 2 }), upload("a", nil)}); err != nil {
			t.Fatal(err)
		}
		got, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a1 success", "a2 failure", "a3 skipped", "b1 error"}, names(got.Items)); diff != "" {
			t.Errorf("tests differ (-want +got):\n%s", diff)
		}
		want := core.Test{Name: "a2", ClassName: "A", File: "a.go", Result: core.TestFailure, RunTime: 2, Message: "no", Source: "junit"}
		if diff := cmp.Diff(want, got.Items[1]); diff != "" {
			t.Errorf("a2 differs (-want +got):\n%s", diff)
		}
		if got.Pending != 1 || got.Next != "" {
			t.Errorf("got %d pending and the next %q, want 1 and none", got.Pending, got.Next)
		}
		if len(got.Problems) != 2 || got.Problems[0].File != "coverage.xml" || !strings.Contains(got.Problems[1].Message, "ends in the middle") {
			t.Errorf("got the problems %+v", got.Problems)
		}
		failed, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7", Failed: true})
		if diff := cmp.Diff([]string{"a2 failure", "b1 error"}, names(failed.Items)); err != nil || diff != "" {
			t.Errorf("%v, failed tests differ (-want +got):\n%s", err, diff)
		}
		none, err := b.JobTests(t.Context(), core.TestFilter{Job: "another"})
		if err != nil || len(none.Items) != 0 || none.Items == nil {
			t.Errorf("got %+v, %v of a job without tests", none, err)
		}
	})
}

// TestLastAttemptCounts has a task that was lost after it had kept results, and
// one that kept results twice.
func TestLastAttemptCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "results"), nil)
	b.take(upload("lost", nil), "x.xml", suiteOf("A", "", "a1 failure 1"))
	second := func(u *core.TestUpload) { u.Attempt = 2 }
	b.take(upload("first", second), "x.xml", suiteOf("A", "", "a1 success 1"))
	b.take(upload("then", func(u *core.TestUpload) { second(u); u.At = began.Add(time.Second) }), "x.xml", suiteOf("A", "", "a2 success 1"))
	got, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7"})
	if diff := cmp.Diff([]string{"a1 success", "a2 success"}, names(got.Items)); err != nil || diff != "" {
		t.Errorf("%v, tests differ (-want +got):\n%s", err, diff)
	}
	failed, err := b.FailedTests(t.Context(), "job-7")
	if err != nil || len(failed.Tests) != 0 {
		t.Errorf("got the failed tests %+v, %v", failed, err)
	}
}

// TestPages reads many tests in pages of several sizes.
func TestPages(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "results"), nil)
	var want, failed []string
	for index, n := range []int{1500, 0, 1000, 701} {
		var tests []string
		for i := range n {
			result := "success"
			if i%97 == 5 {
				result = "failure"
			}
			name := fmt.Sprintf("t%d-%d", index, i)
			tests = append(tests, name+" "+result+" 1")
			want = append(want, name+" "+result)
			if result == "failure" {
				failed = append(failed, name+" "+result)
			}
		}
		b.take(upload(fmt.Sprint("u", index), func(u *core.TestUpload) { u.Index = index }), "x.xml", suiteOf("A", "", tests...))
	}
	for _, limit := range []int{0, 1, 7, 999, 1000, 5000} {
		if limit == 1 && testing.Short() {
			continue
		}
		for onlyFailed, want := range map[bool][]string{false: want, true: failed} {
			if limit == 1 && !onlyFailed {
				continue // thousands of pages
			}
			var got []string
			page := core.Page{Limit: limit}
			for {
				list, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7", Failed: onlyFailed, Page: page})
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, names(list.Items)...)
				if page.Token = list.Next; page.Token == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pages of %d, failed %t: tests differ (-want +got):\n%s", limit, onlyFailed, diff)
			}
		}
	}
	for _, token := range []string{"nonsense", "u0/0", "u0/-1/0", "gone/0/0"} {
		_, err := b.JobTests(t.Context(), core.TestFilter{Job: "job-7", Page: core.Page{Token: token}})
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("token %s: got %v, want it refused", token, err)
		}
	}
}

func TestFailedTests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.take(upload("a", nil), "x.xml", suiteOf("A", "a.go", "a1 failure 1", "a2 failure 1", "a3 success 1")+suiteOf("B", "a.go", "b1 error 1"))
		b.take(upload("b", func(u *core.TestUpload) { u.Index = 1 }), "x.xml", suiteOf("C", "c.go", "c1 success 1"))
		b.take(upload("c", func(u *core.TestUpload) { u.Index = 2 }), "x.xml", suiteOf("A", "a.go", "a9 failure 1"))
		got, err := b.FailedTests(t.Context(), "job-7")
		want := core.FailedTests{Tests: []core.FailedTest{{File: "a.go", ClassName: "A"}, {File: "a.go", ClassName: "B"}}, Indexes: []int{0, 2}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, differs (-want +got):\n%s", err, diff)
		}
		if err := b.AddResults(t.Context(), []core.TestUpload{upload("late", func(u *core.TestUpload) { u.Index = 3 })}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.FailedTests(t.Context(), "job-7"); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("got %v while an upload is still to be read, want CodeUnavailable", err)
		}
	})
}

func TestUploadsWithoutNamesAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "results"), nil)
	err := b.AddResults(t.Context(), []core.TestUpload{{Archive: "a"}})
	if core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("got %v, want CodeInvalid", err)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		old := func(u *core.TestUpload) { u.At = began.Add(-b.cfg.Keep - time.Hour) }
		b.take(upload("old", old), "x.xml", suiteOf("A", "", "a1 failure 1")+suiteOf("A", "", "a1 success 1"), "y.xml", "no")
		b.take(upload("new", nil), "x.xml", suiteOf("A", "", "a2 success 1"))
		b.take(upload("else", func(u *core.TestUpload) { old(u); u.Revision = "def" }), "x.xml", suiteOf("A", "", "a1 flaky 1"))
		b.compareDue()
		if _, err := b.db.NewUpdate().TableExpr("revisions").Set("due_at = NULL").Where("true").Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int64{"uploads": 1, "parts": 1, "timings": 2, "problems": 0, "flakes": 0, "revisions": 1} {
			if got, err := b.db.NewSelect().TableExpr(table).Count(t.Context()); err != nil || got != want {
				t.Errorf("%s has %d rows, %v, want %d", table, got, err, want)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"file_bytes": func(c *Config) { c.FileBytes = 1 }, "upload_bytes": func(c *Config) { c.UploadBytes = 1 << 20 },
		"tests": func(c *Config) { c.Tests = 0 }, "message_bytes": func(c *Config) { c.MessageBytes = 1 },
		"read_time": func(c *Config) { c.ReadTime = 0 }, "readers": func(c *Config) { c.Readers = 0 },
		"flaky_window": func(c *Config) { c.FlakyWindow = 0 }, "keep": func(c *Config) { c.Keep = time.Hour },
	} {
		cfg := Default()
		change(&cfg)
		err := cfg.Validate()
		var spoken *core.Error
		if !errors.As(err, &spoken) || !strings.Contains(err.Error(), name+" is") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}
