// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/wire"
)

// TestEveryNameIsOnOneNode is what splitting is about, for many lists, weights
// and numbers of nodes.
func TestEveryNameIsOnOneNode(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		names := make([]string, random.IntN(40))
		weights := make([]float64, len(names))
		for i := range names {
			names[i] = fmt.Sprintf("test_%02d", i)
			weights[i] = float64(random.IntN(5))
		}
		total := 1 + random.IntN(12)
		var byName, byWeight []string
		for index := range total {
			byName = append(byName, deal(names, index, total)...)
			own := balance(names, weights, index, total)
			if !slices.IsSorted(own) {
				t.Errorf("node %d of %d has %v, which is in no order", index, total, own)
			}
			byWeight = append(byWeight, own...)
		}
		slices.Sort(byName)
		slices.Sort(byWeight)
		if !slices.Equal(byName, names) || !slices.Equal(byWeight, names) {
			t.Fatalf("%d names on %d nodes: got %v and %v", len(names), total, byName, byWeight)
		}
	}
}

// TestTheLongestGoFirst: the slowest node has no more than what the greedy rule
// promises, 4/3 of the best.
func TestTheLongestGoFirst(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e", "f"}
	weights := []float64{1, 9, 3, 3, 2, 6}
	for index, want := range [][]string{{"b"}, {"e", "f"}, {"a", "c", "d"}} {
		if diff := cmp.Diff(want, balance(names, weights, index, 3)); diff != "" {
			t.Errorf("node %d (-want +got):\n%s", index, diff)
		}
	}
	// Tests that weigh nothing are spread by number.
	for index := range 3 {
		if got := balance(names, make([]float64, 6), index, 3); len(got) != 2 {
			t.Errorf("node %d: got %v", index, got)
		}
	}
}

func TestListsOfNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                     nil,
		"\n\n":                 nil,
		"b\na\nb\n":            {"a", "b"},
		"a b  c":               {"a", "b", "c"},
		"a b\nc d\r\n":         {"a b", "c d"},
		"tests/x y.py\n\nz\n ": {"tests/x y.py", "z"},
	} {
		c := &Call{Stdin: strings.NewReader(in)}
		got, err := c.readNames(nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestTestsThatFailedAreFoundAmongTheNames(t *testing.T) {
	t.Parallel()
	names := []string{
		"github.com/acme/app/store", "pkg/a/index.test.js", "pkg/b/index.test.js", "src/test/java/com/acme/LoginTest.java",
		"test/models/user_test.rb", "tests/api/test_users.py", "tests/test_a.py::test_one", "tests/test_a.py::test_two",
	}
	for name, c := range map[string]struct {
		failed core.FailedTest
		want   []string
	}{
		"file":                   {core.FailedTest{File: "test/models/user_test.rb", ClassName: "UserTest"}, names[4:5]},
		"file with ./":           {core.FailedTest{File: "./test/models/user_test.rb"}, names[4:5]},
		"file of another folder": {core.FailedTest{File: "/home/ci/project/test/models/user_test.rb"}, names[4:5]},
		"file from a subfolder":  {core.FailedTest{File: "models/user_test.rb"}, names[4:5]},
		"one of two namesakes":   {core.FailedTest{File: "pkg/b/index.test.js"}, names[2:3]},
		"neither namesake":       {core.FailedTest{File: "pkg/c/index.test.js"}, nil},
		"both namesakes":         {core.FailedTest{File: "index.test.js"}, names[1:3]},
		"class is a package":     {core.FailedTest{ClassName: "github.com/acme/app/store"}, names[:1]},
		"class of Java":          {core.FailedTest{ClassName: "com.acme.LoginTest$Inner"}, names[3:4]},
		"class of Python":        {core.FailedTest{ClassName: "tests.api.test_users.TestLogin"}, names[5:6]},
		"module of Python":       {core.FailedTest{ClassName: "tests.api.test_users"}, names[5:6]},
		"single tests":           {core.FailedTest{File: "tests/test_a.py", ClassName: "tests.test_a"}, names[6:]},
		"another class":          {core.FailedTest{ClassName: "com.acme.OtherTest"}, nil},
		"another module":         {core.FailedTest{ClassName: "tests.api.other"}, nil},
		"nothing":                {core.FailedTest{}, nil},
	} {
		chosen, unknown := choose(names, []core.FailedTest{c.failed})
		if diff := cmp.Diff(c.want, chosen); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if (len(c.want) == 0) != (len(unknown) == 1) {
			t.Errorf("%s: unknown are %v", name, unknown)
		}
	}
}

// many are names and timings of a large project.
func many(n int) (names []string, known wire.Timings) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		names = append(names, fmt.Sprintf("services/area_%03d/tests/test_%06d.py", i%500, i))
	}
	slices.Sort(names)
	for _, name := range names {
		known.Names = append(known.Names, "./"+name)
		known.Seconds = append(known.Seconds, random.ExpFloat64())
	}
	return names, known
}

// BenchmarkSplit splits 100,000 tests by timings, from the list on standard
// input to the node's share. The issue asks for less than a second; cpu-s is the
// least of processor time, however busy the machine is.
func BenchmarkSplit(b *testing.B) {
	names, known := many(100_000)
	input := strings.Join(names, "\n")
	leastCPU(b, func() {
		c := &Call{Stdin: strings.NewReader(input), Stderr: &bytes.Buffer{}}
		read, err := c.readNames(nil, false)
		if err != nil {
			b.Fatal(err)
		}
		weights, found := match(read, known, core.TestByFile)
		own := balance(read, weights, 3, 20)
		if found != len(names) || len(own) == 0 {
			b.Fatalf("%d found, %d own", found, len(own))
		}
	})
}

// leastCPU reports the least processor time of f, of which all runs in f itself.
func leastCPU(b *testing.B, f func()) {
	least := time.Duration(math.MaxInt64)
	for b.Loop() {
		least = min(least, testx.CPU(f))
	}
	b.ReportMetric(least.Seconds(), "cpu-s")
}

// BenchmarkChoose picks 10,000 failed tests among 100,000.
func BenchmarkChoose(b *testing.B) {
	names, _ := many(100_000)
	var failed []core.FailedTest
	for i := 0; i < len(names); i += 10 {
		failed = append(failed, core.FailedTest{File: "/home/ci/project/" + names[i]})
	}
	leastCPU(b, func() {
		if chosen, unknown := choose(names, failed); len(chosen) != len(failed) || len(unknown) > 0 {
			b.Fatalf("%d chosen, %d unknown", len(chosen), len(unknown))
		}
	})
}

// FuzzSplit asks that no input makes a call panic, and that nodes share all
// names.
func FuzzSplit(f *testing.F) {
	f.Add("a\nb\nc\n", uint8(2))
	f.Add("a b c", uint8(3))
	f.Add("\x00\r\n::\n/\n..\n", uint8(1))
	f.Fuzz(func(t *testing.T, text string, total uint8) {
		var together []string
		for index := range max(1, int(total)) {
			var out, errs bytes.Buffer
			c := &Call{Args: []string{"circleci", "tests", "split", fmt.Sprintf("--index=%d", index), fmt.Sprintf("--total=%d", max(1, total))},
				Stdin: strings.NewReader(text), Stdout: &out, Stderr: &errs}
			if status := c.Run(context.Background()); status != 0 {
				t.Fatalf("status %d: %s", status, &errs)
			}
			for line := range strings.Lines(out.String()) {
				together = append(together, strings.TrimSuffix(line, "\n"))
			}
		}
		slices.Sort(together)
		want, err := (&Call{Stdin: strings.NewReader(text)}).readNames(nil, false)
		if err != nil || !slices.Equal(together, want) {
			t.Fatalf("got %q, want %q, %v", together, want, err)
		}
		choose(want, []core.FailedTest{{File: text, ClassName: text}})
	})
}

// TestTimingsOfOtherFolders: reports of absolute paths count wherever the job
// that wrote them had its working directory.
func TestTimingsOfOtherFolders(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	known := wire.Timings{TestTimings: core.TestTimings{
		Names:   []string{"/job/1/project/spec/a_test", "/job/2/project/spec/a_test", "/job/1/project/deep/spec/b_test", "/job/1/project/spec/c_test", "./spec/c_test", "/job/1/other", "sub/d_test"},
		Seconds: []float64{3, 5, 7, 11, 13, 17, 19},
	}}
	names := []string{"spec/a_test", "deep/spec/b_test", "spec/b_test", "spec/c_test", here + "/spec/a_test", "d_test"}
	weights, found := match(names, known, core.TestByFile)
	if diff := cmp.Diff([]float64{5, 7, -1, 13, 5, -1}, weights); diff != "" || found != 4 {
		t.Errorf("%d found (-want +got):\n%s", found, diff)
	}
	if weights, found := match(names, known, core.TestByName); found != 0 {
		t.Errorf("by another key: got %v", weights)
	}
}
