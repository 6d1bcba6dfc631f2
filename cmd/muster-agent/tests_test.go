// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// TestSplitByTimingsOfThePlatform has output away at first: the command waits,
// since another node may have its answer already.
func TestSplitByTimingsOfThePlatform(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("echo a b c | circleci tests split --split-by=timings"), sh("echo a b c | circleci tests split --split-by=timings --timings-type=name")), wire.Limits{})
	s.SetTimings(map[core.TestKey]wire.Timings{core.TestByFile: {TestTimings: core.TestTimings{Names: []string{"a", "b", "c"}, Seconds: []float64{1, 2, 5}}}})
	asked := 0
	s.SetFault(func(_ int, path string) agenttest.Fault {
		if path != wire.PathTimings {
			return agenttest.None
		}
		asked++
		switch asked {
		case 1:
			return agenttest.Unavail
		case 2:
			return agenttest.Drop
		default:
			return agenttest.None
		}
	})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got, want := s.Output(first), "Autodetected filename timings\na\nb\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.Output(first + 1); !strings.HasPrefix(got, "Error reading historical timing data: the test has none\n") || !strings.HasSuffix(got, "\nb\n") {
		t.Errorf("got %q", got)
	}
}

// TestOnlyTheFailedTestsAreRunAgain: the task says which they are.
func TestOnlyTheFailedTestsAreRunAgain(t *testing.T) {
	t.Parallel()
	claimed := task(
		sh("printf '%s\\n' a.py b.py c.py d.py | circleci tests run --total=1 --index=0 --command='xargs echo running'"),
		sh("printf '%s\\n' a.py b.py c.py d.py | circleci tests run --command='xargs echo running' 2>/dev/null"),
	)
	claimed.Spec.FailedTests = []core.FailedTest{{File: "d.py"}, {File: "b.py", ClassName: "b"}}
	s := agenttest.New(t, claimed, wire.Limits{})
	start(t, s).wait()
	if got := s.Output(first); !strings.HasSuffix(got, "starting execution\nrunning b.py d.py\n") {
		t.Errorf("got %q", got)
	}
	if got := s.Output(first + 1); got != "running d.py\n" {
		t.Errorf("got %q, on node 1 of 2", got)
	}
}
