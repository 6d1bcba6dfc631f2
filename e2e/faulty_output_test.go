// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/wire"
)

// TestEmbeddedOutputIsAway has everything of the platform that agents talk to go
// away in the midst of each step that keeps or brings back files, and come back.
func TestEmbeddedOutputIsAway(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "")
	away := map[string]bool{wire.PathArchiveBegin: true, wire.PathArchiveUpload: true, wire.PathArchiveCommit: true,
		wire.PathArchiveFind: true, wire.PathArchiveDownload: true}
	o.faults.set(func(r *http.Request, try int) fault {
		if away[r.URL.Path] && try%4 != 0 { // three of four, for all who ask
			return []fault{gone, answers(http.StatusServiceUnavailable), answers(http.StatusInternalServerError)}[try%3]
		}
		return nil
	})
	slug := o.Project(t, "away")
	end := o.AwaitEnd(t, o.Trigger(t, slug, keeping))
	for _, job := range end.Jobs {
		if job.Status != "success" {
			t.Errorf("%s: got %s (%s), want success", job.Name, job.Status, job.Reason)
		}
	}
	for step, job := range map[string]string{"Save": "keep", "Persist": "keep", "Artifacts": "keep", "Results": "keep", "Restore": "use", "Attach": "use"} {
		o.says(t, end, job, step, "Trouble with the output service: ", "Going on: the output service works again after")
	}
	o.checkParts(t, "output is away")
	o.checkKept(t, slug, end)
}

// once is a config whose job tells a ledger outside of Muster that it runs, says
// that it has begun, and prints known output with pauses.
func once(dir string) string {
	return fmt.Sprintf(`version: 2.1
jobs:
  build:
    machine: true
    steps:
      - run:
          name: Known output
          no_output_timeout: 5s
          command: |
            echo build >> %[1]s/ledger
            echo $PPID > %[1]s/agent.new && mv %[1]s/agent.new %[1]s/agent
            while [ ! -e %[1]s/go ]; do echo waits; sleep 0.5; done
            for ((i = 0; i < 3000; i++)); do echo "line $i"; done
      - save_cache: { name: Save, key: "{{ epoch }}", paths: [.] }
workflows:
  main:
    jobs: [build]
`, dir)
}

// checkOnce asks that the job of once ran once, ended well, and lost no byte.
func (o *outage) checkOnce(t *testing.T, end scenario.State) {
	t.Helper()
	build := end.Job(t, "build")
	if build.Status != "success" {
		t.Errorf("got %s (%s), want success", build.Status, build.Reason)
	}
	checkRuns(t, end, filepath.Join(o.dir, "ledger"), 1)
	steps, err := o.Platform.Client.JobSteps(t.Context(), build.ID)
	if err != nil || len(steps.Tasks) != 1 || len(steps.Tasks[0].Attempts) != 1 {
		t.Fatalf("got %+v, %v, want one attempt", steps, err)
	}
	for _, s := range steps.Tasks[0].Attempts[0].Steps {
		if s.StoppedAt == nil || s.StoppedAt.Before(s.StartedAt) {
			t.Errorf("%s ran from %s to %v", s.Name, s.StartedAt, s.StoppedAt)
		}
	}
	want := sha256.New()
	for i := range 3000 {
		fmt.Fprintf(want, "line %d\n", i)
	}
	out := strings.ReplaceAll(o.step(t, end, "build", "Known output"), "waits\n", "")
	if got := sha256.Sum256([]byte(out)); string(got[:]) != string(want.Sum(nil)) {
		t.Errorf("the output differs: %d bytes, begins with %.100q", len(out), out)
	}
}

// pid waits for the agent of the job of once to be known.
func (o *outage) pid(t *testing.T) int {
	t.Helper()
	o.faults.until(t, "the step", func() bool { return exists(filepath.Join(o.dir, "agent")) })
	text, err := os.ReadFile(filepath.Join(o.dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// pause is longer than a step of these tests may be silent, than agents' signs
// of life are apart, and than services wait for each other's answers.
const pause = 20 * time.Second

// TestEmbeddedAgentPaused stops an agent and lets it go on: its step is not
// silent for being unheard.
func TestEmbeddedAgentPaused(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "")
	id := o.Trigger(t, o.Project(t, "paused"), once(o.dir))
	agent := o.pid(t)
	o.freeze(t, agent, pause)
	o.release(t)
	o.checkOnce(t, o.AwaitEnd(t, id))
}

// TestEmbeddedPlatformPaused stops all services at once for longer than leases
// of work last, which are a minute.
func TestEmbeddedPlatformPaused(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "")
	id := o.Trigger(t, o.Project(t, "paused"), once(o.dir))
	o.pid(t)
	o.freeze(t, o.cmd.Process.Pid, 65*time.Second)
	o.release(t)
	o.checkOnce(t, o.AwaitEnd(t, id))
}

// freeze keeps a process from running for so long.
func (o *outage) freeze(t *testing.T, pid int, d time.Duration) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(d)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// release has the job of once come to its end.
func (o *outage) release(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEmbeddedAgentKilled kills an agent with nothing left to say, in the midst
// of an upload. What its steps did stays, what it had half sent is never seen,
// and the job runs again as another attempt.
func TestEmbeddedAgentKilled(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "")
	ledger := filepath.Join(o.dir, "ledger")
	var agent int
	o.faults.set(func(r *http.Request, _ int) fault {
		if agent != 0 || !toObjects(r) {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(o.dir, "agent"))
		if _, scanErr := fmt.Sscan(string(text), &agent); err != nil || scanErr != nil {
			return nil
		}
		_ = syscall.Kill(agent, syscall.SIGKILL)
		return gone
	})
	slug := o.Project(t, "killed")
	end := o.AwaitEnd(t, o.Trigger(t, slug, fmt.Sprintf(`version: 2.1
jobs:
  build:
    machine: true
    steps:
      - run: { name: Behind, background: true, command: while true; do sleep 0.1; done }
      - run: { name: First, command: echo build >> %[1]s; echo $PPID > %[2]s/agent; echo done; mkdir data; head -c 20000000 /dev/urandom > data/noise }
      - save_cache: { name: Save, key: v1, paths: [data] }
      - store_artifacts: { name: Artifacts, path: data/noise }
workflows:
  main:
    jobs: [build]
`, ledger, o.dir)))
	build := end.Job(t, "build")
	if build.Status != "success" {
		t.Errorf("got %s (%s), want success", build.Status, build.Reason)
	}
	checkRuns(t, end, ledger, 2)
	steps, err := o.Platform.Client.JobSteps(t.Context(), build.ID)
	if err != nil || len(steps.Tasks) != 1 || len(steps.Tasks[0].Attempts) != 2 {
		t.Fatalf("got %+v, %v, want two attempts", steps, err)
	}
	first := steps.Tasks[0].Attempts[0]
	if first.Status != "infrastructure_fail" || first.Reason == "" {
		t.Errorf("the first attempt: got %s (%s)", first.Status, first.Reason)
	}
	t.Logf("the first attempt: %s", first.Reason)
	for _, s := range first.Steps {
		want := map[string]string{"First": "success", "Save": "infrastructure_fail", "Behind": "infrastructure_fail"}[s.Name]
		if want != "" && s.Status != want {
			t.Errorf("%s of the first attempt: got %s, want %s", s.Name, s.Status, want)
		}
	}
	if caches, err := o.Platform.Client.Caches(t.Context(), slug, ""); err != nil || len(caches) != 1 {
		t.Errorf("got the caches %+v, %v, want that of the second attempt", caches, err)
	}
}
