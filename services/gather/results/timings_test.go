// SPDX-License-Identifier: MPL-2.0

package results

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// job makes an upload one of another job.
func job(number int64, branch string) func(*core.TestUpload) {
	return func(u *core.TestUpload) {
		u.Job, u.JobNumber, u.Branch = core.JobID("job-"+string(rune('0'+number))), number, branch
	}
}

func TestTimings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.take(upload("other", func(u *core.TestUpload) { job(9, "main")(u); u.JobName = "lint" }), "x.xml", suiteOf("A", "a.go", "a1 success 99"))
		b.take(upload("topic", job(1, "topic")), "x.xml", suiteOf("T", "t.go", "t1 success 5"))
		// Two tasks of one job have each run a part of one file.
		b.take(upload("main-0", job(2, "main")), "x.xml", suiteOf("A", "a.go", "a1 success 1", "a2 success 2")+suiteOf("B", "b.go", "b1 success 4"))
		b.take(upload("main-1", func(u *core.TestUpload) { job(2, "main")(u); u.Index = 1 }), "x.xml", suiteOf("A", "a.go", "a3 success 8"))
		// A later job ran only some: the rest is the older one's.
		b.take(upload("rerun", job(3, "main")), "x.xml", suiteOf("B", "b.go", "b1 success 16"))
		for _, c := range []struct {
			f    core.TimingsFilter
			want core.TestTimings
		}{
			{core.TimingsFilter{Branch: "main", By: core.TestByFile}, core.TestTimings{Branch: "main", Names: []string{"a.go", "b.go"}, Seconds: []float64{11, 16}}},
			{core.TimingsFilter{Branch: "main", By: core.TestByClassName}, core.TestTimings{Branch: "main", Names: []string{"A", "B"}, Seconds: []float64{11, 16}}},
			{core.TimingsFilter{Branch: "main", By: core.TestByName}, core.TestTimings{Branch: "main", Names: []string{"a1", "a2", "a3", "b1"}, Seconds: []float64{1, 2, 8, 16}}},
			{core.TimingsFilter{Branch: "topic", DefaultBranch: "main", By: core.TestByFile}, core.TestTimings{Branch: "topic", Names: []string{"t.go"}, Seconds: []float64{5}}},
			{core.TimingsFilter{Branch: "new", DefaultBranch: "main", By: core.TestByFile}, core.TestTimings{Branch: "main", Names: []string{"a.go", "b.go"}, Seconds: []float64{11, 16}}},
			{core.TimingsFilter{Branch: "new", DefaultBranch: "trunk", By: core.TestByFile}, core.TestTimings{Names: []string{"a.go", "b.go", "t.go"}, Seconds: []float64{11, 16, 5}}},
		} {
			c.f.Project, c.f.JobName = "project", "test"
			got, err := b.TestTimings(t.Context(), c.f)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%+v: %v, differs (-want +got):\n%s", c.f, err, diff)
			}
		}
		none, err := b.TestTimings(t.Context(), core.TimingsFilter{Project: "project", JobName: "new", By: core.TestByName})
		if err != nil || len(none.Names) != 0 {
			t.Errorf("got %+v, %v of a job that never ran", none, err)
		}
	})
}

func TestTimingsByNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "results"), nil)
	if _, err := b.TestTimings(t.Context(), core.TimingsFilter{Project: "project", JobName: "test", By: "size"}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("got %v, want CodeInvalid", err)
	}
}

func TestTooManyTimings(t *testing.T) {
	t.Parallel()
	known := map[string]float64{"long": 1e6, "longer": 1e7}
	for i := range core.MaxTimings + 5 {
		known["t"+string(rune(0x4e00+i%20000))+string(rune(0x4e00+i/20000))] = 1
	}
	got := ordered("", known)
	if len(got.Names) != core.MaxTimings || got.Names[0] != "long" || got.Names[1] != "longer" {
		t.Errorf("got %d names, the first %v", len(got.Names), got.Names[:2])
	}
}

func TestTooLongNames(t *testing.T) {
	t.Parallel()
	known := map[string]float64{}
	for i := range 20_000 {
		known[strings.Repeat("x", 2000)+strconv.Itoa(i)] = float64(i)
	}
	got := ordered("", known)
	bytes := 0
	for i, name := range got.Names {
		if bytes += len(name); got.Seconds[i] < 14_000 {
			t.Fatalf("a short one stayed, of %g seconds", got.Seconds[i])
		}
	}
	if bytes > maxNames || bytes < maxNames-3000 {
		t.Errorf("got %d bytes of names", bytes)
	}
}

func TestPackedSeconds(t *testing.T) {
	t.Parallel()
	want := map[string]float64{"": 0, "a": 1.5, "ünï": 1e-9}
	got := map[string]float64{}
	if err := unpackSeconds(packSeconds(want), func(name string, n float64) { got[name] = n }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	for _, damaged := range []string{"\x05ab", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01a\x00"} {
		if err := unpackSeconds(packer.EncodeAll([]byte(damaged), nil), func(string, float64) {}); err == nil {
			t.Errorf("%q was unpacked", damaged)
		}
	}
}
