// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/supervise"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/wire"
)

// TestEveryByteArrivesThroughAFaultyServer compares 5 MB by their SHA-256.
func TestEveryByteArrivesThroughAFaultyServer(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("seq 1 800000"), sh("echo done")), wire.Limits{})
	faults := []agenttest.Fault{agenttest.None, agenttest.LostAnswer, agenttest.HalfTaken, agenttest.Drop, agenttest.None,
		agenttest.Unavail, agenttest.Refuse, agenttest.None}
	s.SetFault(func(n int, _ string) agenttest.Fault { return faults[n%len(faults)] })
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	want := sha256.New()
	for i := range 800000 {
		fmt.Fprintln(want, i+1)
	}
	if got := sha256.Sum256([]byte(s.Output(first))); string(got[:]) != string(want.Sum(nil)) {
		t.Errorf("the output differs; %d bytes came", len(s.Output(first)))
	}
	if got := s.Output(first + 1); got != "done\n" {
		t.Errorf("got %q", got)
	}
	if e := ending(t, s); e.Status != core.JobSuccess {
		t.Errorf("got %+v", e)
	}
}

// TestTheBuildGoesOnThroughAnOutage has the server away from the claim until
// the build is over.
func TestTheBuildGoesOnThroughAnOutage(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("echo one"), sh("seq 1 1000; touch ../over")), wire.Limits{})
	away := true
	s.SetFault(func(_ int, path string) agenttest.Fault {
		if away && path != wire.PathClaim {
			return agenttest.Unavail
		}
		return agenttest.None
	})
	b := start(t, s)
	over := filepath.Join(b.home, "over")
	b.until("the build's end", func() bool {
		_, err := os.Stat(over)
		return err == nil
	})
	if got := s.All(); got != "" {
		t.Errorf("got %q during the outage", got)
	}
	s.SetFault(nil)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got := s.Output(first + 1); strings.Count(got, "\n") != 1000 {
		t.Errorf("got %d lines", strings.Count(got, "\n"))
	}
}

func TestTheClaimIsTriedAgainAndAtTheNextAddress(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("echo hello")), wire.Limits{})
	s.SetFault(func(n int, _ string) agenttest.Fault {
		return []agenttest.Fault{agenttest.Unavail, agenttest.LostAnswer, agenttest.Drop, agenttest.None}[min(n-1, 3)]
	})
	b := start(t, s, wire.EnvOutputURL+"=http://127.0.0.1:1, "+s.URL)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got := s.Output(first); got != "hello\n" {
		t.Errorf("got %q", got)
	}
}

func TestARefusalKillsTheBuild(t *testing.T) {
	t.Parallel()
	for _, fault := range []agenttest.Fault{agenttest.Forbid, agenttest.Gone} {
		s := agenttest.New(t, task(sh("echo $$ > ../pid; sleep 1000")), wire.Limits{Heartbeat: 50 * time.Millisecond})
		b := start(t, s)
		b.until("the step", func() bool { return fileExists(filepath.Join(b.home, "pid")) })
		s.SetFault(func(int, string) agenttest.Fault { return fault })
		if got := b.wait(); got != supervise.ExitRefused {
			t.Errorf("got exit status %d, want %d", got, supervise.ExitRefused)
		}
		if alive(t, filepath.Join(b.home, "pid")) {
			t.Error("the step is still alive")
		}
	}
	s := agenttest.New(t, task(sh("true")), wire.Limits{})
	s.SetFault(func(int, string) agenttest.Fault { return agenttest.Forbid })
	if got := start(t, s).wait(); got != supervise.ExitRefused {
		t.Errorf("a forbidden claim: got exit status %d, want %d", got, supervise.ExitRefused)
	}
}

func TestCancelStopsEverythingPolitelyThenFirmly(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		run2("stubborn", core.RunStep{Background: true, Command: `trap 'echo asked' TERM; echo $$ > ../stubborn; while :; do sleep 0.05; done`}),
		sh(`setsid sh -c 'echo $$ > ../escaped; exec sleep 1000' & while [ ! -e ../escaped -o ! -e ../stubborn ]; do sleep 0.02; done
trap 'echo bye; exit 5' TERM; echo $$ > ../polite; while :; do sleep 0.05; done`),
		run2("never", core.RunStep{Command: "echo never", When: core.WhenAlways}),
	), wire.Limits{Heartbeat: 50 * time.Millisecond})
	b := start(t, s, "MUSTER_KILL_GRACE=1s")
	b.until("the steps", func() bool { return fileExists(filepath.Join(b.home, "polite")) })
	s.Stop("canceled")
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if e := ending(t, s); e.Status != core.JobCanceled || e.Reason != "The job was canceled." {
		t.Errorf("got %+v", e)
	}
	if e := end(t, s, first+1); e.StepStatus != core.StepCanceled || e.ExitCode == nil || *e.ExitCode != 5 {
		t.Errorf("got %+v", e)
	}
	// The sleeps are asked to end as well, of which a shell may tell.
	if got, want := strings.ReplaceAll(s.Output(first+1), "Terminated\n", ""), "bye\n\nThe job was canceled.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.Output(first); !strings.Contains(got, "asked\n") {
		t.Errorf("the stubborn one was not asked: %q", got)
	}
	for _, name := range []string{"stubborn", "escaped", "polite"} {
		if alive(t, filepath.Join(b.home, name)) {
			t.Errorf("%s is still alive", name)
		}
	}
}

// TestSIGTERMIsTheInfrastructures: a client that is drained sends it, and what
// people cancel comes another way.
func TestSIGTERMIsTheInfrastructures(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("echo $$ > ../pid; sleep 1000")), wire.Limits{})
	b := start(t, s)
	b.until("the step", func() bool { return fileExists(filepath.Join(b.home, "pid")) })
	b.cmd.Process.Signal(syscall.SIGTERM)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if e := ending(t, s); e.Status != core.JobInfrastructureFail || !strings.Contains(e.Reason, "SIGTERM") {
		t.Errorf("got %+v", e)
	}
	if e := end(t, s, first); e.StepStatus != core.StepLost {
		t.Errorf("got %+v", e)
	}
	if alive(t, filepath.Join(b.home, "pid")) {
		t.Error("the step is still alive")
	}
}

func TestTheTimeLimitEndsTheTask(t *testing.T) {
	t.Parallel()
	claimed := task(sh("echo begin; sleep 1000"))
	claimed.TimeLimit = 500 * time.Millisecond
	s := agenttest.New(t, claimed, wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if e := ending(t, s); e.Status != core.JobTimedOut || !strings.Contains(e.Reason, "500ms") {
		t.Errorf("got %+v", e)
	}
	if e := end(t, s, first); e.StepStatus != core.StepTimedOut {
		t.Errorf("got %+v", e)
	}
}

func TestOrphansAreReapedWhileTheBuildRuns(t *testing.T) {
	t.Parallel()
	// Each orphan loses its parent at once and ends a moment later; whoever
	// adopted them has to wait for them.
	s := agenttest.New(t, task(sh(`set +e +o pipefail
for i in 1 2 3 4 5; do sh -c 'setsid sleep 0.01 &' ; done
agent=$(awk '{print $4}' /proc/$$/stat)
for try in $(seq 100); do
  zombies=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v agent=$agent '$3 == "Z" && $4 == agent' | wc -l)
  left=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v agent=$agent '$4 == agent' | wc -l)
  [ $zombies -eq 0 ] && [ $left -eq 1 ] && echo clean && exit 0
  sleep 0.02
done
echo $zombies zombies, $left children; exit 1`)), wire.Limits{})
	start(t, s).wait()
	if got := s.Output(first); got != "clean\n" {
		t.Errorf("got %q", got)
	}
}

// TestPID1 runs the agent as a container does: alone in its PID namespace.
func TestPID1(t *testing.T) {
	t.Parallel()
	alone := []string{"unshare", "--pid", "--fork", "--mount-proc"}
	if out, err := exec.Command(alone[0], append(alone[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("this machine lets us make no PID namespace: %v: %s", err, out)
	}
	s := agenttest.New(t, task(
		run2("server", core.RunStep{Command: "echo $PPID; nohup sleep 1000 &", Background: true}),
		sh(`set +e +o pipefail
for i in 1 2 3; do sh -c 'setsid sleep 0.01 &' ; done
sh -c 'setsid sleep 1000 < /dev/null > /dev/null 2>&1 &'
for try in $(seq 200); do
  states=$(cat /proc/[0-9]*/stat 2>/dev/null | awk '$4 == 1 {print $3}' | sort | tr -d '\n')
  case $states in *Z*) sleep 0.02;; *) echo clean; exit 0;; esac
done
echo "$states"; exit 1`)), wire.Limits{})
	b := startUnder(t, alone, s)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got := s.Output(first + 1); got != "clean\n" {
		t.Errorf("got %q", got)
	}
	if got := s.Output(first); !strings.HasPrefix(got, "1\n") {
		t.Errorf("the step's parent is %q, want 1", got)
	}
}

func TestHeartbeatsWhenQuiet(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("while [ ! -e ../go ]; do sleep 0.02; done")), wire.Limits{Heartbeat: 20 * time.Millisecond})
	b := start(t, s)
	b.until("heartbeats", func() bool { return s.Heartbeats() >= 3 })
	if err := os.WriteFile(filepath.Join(b.home, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.wait()
}

// TestALineIsOnItsWayAtOnce looks at a step that is still running.
func TestALineIsOnItsWayAtOnce(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("printf 'prompt> '; while [ ! -e ../go ]; do sleep 0.02; done")), wire.Limits{})
	b := start(t, s)
	b.until("the prompt", func() bool { return s.Output(first) == "prompt> " })
	if err := os.WriteFile(filepath.Join(b.home, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.wait()
}

// TestIdleMemory looks at the agent's resident memory while a step sleeps.
func TestIdleMemory(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("seq 1 200000; while [ ! -e ../go ]; do sleep 0.02; done")), wire.Limits{Heartbeat: 20 * time.Millisecond})
	b := start(t, s)
	b.until("the output", func() bool { return strings.HasSuffix(s.Output(first), "\n200000\n") && s.Heartbeats() > 5 })
	kib := b.resident()
	t.Logf("idle after output: %d KiB resident", kib)
	if kib > 30<<10 && !testx.RaceDetector {
		t.Errorf("got %d KiB, want 30 MiB at most", kib)
	}
	if err := os.WriteFile(filepath.Join(b.home, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.wait()
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

// alive tells whether the process whose number is in a file is there.
func alive(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return syscall.Kill(pid, 0) == nil
}
