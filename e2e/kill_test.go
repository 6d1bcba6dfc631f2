// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/scenario"
)

// knownOutput is a config of jobs whose every byte is known. Each job writes a
// line to a ledger outside of Muster when it runs, so that running twice shows,
// and prints numbered lines for some seconds.
func knownOutput(ledger string, jobs, lines int) string {
	var b strings.Builder
	b.WriteString("version: 2.1\njobs:\n")
	for job := range jobs {
		fmt.Fprintf(&b, `  job%d:
    machine: true
    steps:
      - run:
          name: Known output
          shell: /bin/bash -e
          command: |
            echo "$CIRCLE_JOB" >> %s
            for ((i = 0; i < %d; i++)); do
              printf '%%s line %%d of known output, forty-two bytes of it or more\n' "$CIRCLE_JOB" $i
              ((i %% 20)) || sleep 0.05
            done
`, job, ledger, lines)
	}
	b.WriteString("workflows:\n  main:\n    jobs:\n")
	for job := range jobs {
		fmt.Fprintf(&b, "      - job%d\n", job)
	}
	return b.String()
}

// knownLines is what a job of knownOutput prints.
func knownLines(job string, lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "%s line %d of known output, forty-two bytes of it or more\n", job, i)
	}
	return b.String()
}

// checkKnown asks that every job succeeded, ran once, and that its bytes are
// exactly what the command wrote.
func checkKnown(t *testing.T, p *scenario.Platform, end scenario.State, ledger string, jobs, lines int) {
	t.Helper()
	checkOutputs(t, p, end, jobs, lines)
	checkRuns(t, end, ledger, 1)
}

// checkOutputs asks that every job succeeded and that the bytes of its last
// attempt are exactly what the command wrote.
func checkOutputs(t *testing.T, p *scenario.Platform, end scenario.State, jobs, lines int) {
	t.Helper()
	if len(end.Jobs) != jobs {
		t.Errorf("got %d jobs, want %d", len(end.Jobs), jobs)
	}
	for _, job := range end.Jobs {
		if job.Status != "success" {
			t.Errorf("%s: got %s (%s), want success", job.Name, job.Status, job.Reason)
		}
		out, err := p.StepOutput(t.Context(), job.ID, "Known output")
		if err != nil {
			t.Fatalf("reading the output of %s: %v", job.Name, err)
		}
		if string(out) != knownLines(job.Name, lines) {
			t.Errorf("%s: the output differs: %d bytes, ends in %q", job.Name, len(out), out[max(0, len(out)-200):])
		}
	}
}

// checkRuns asks how often the ledger has each job.
func checkRuns(t *testing.T, end scenario.State, ledger string, want int) {
	t.Helper()
	text, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for line := range strings.Lines(string(text)) {
		ran[strings.TrimSpace(line)]++
	}
	for _, job := range end.Jobs {
		if ran[job.Name] != want {
			t.Errorf("%s ran %d times, want %d", job.Name, ran[job.Name], want)
		}
	}
}

// TestEmbeddedSurvivesKills kills the whole embedded platform, every service of
// it at once, at random moments of builds with known output.
func TestEmbeddedSurvivesKills(t *testing.T) {
	t.Parallel()
	const jobs, lines, kills = 4, 2000, 4
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	e := newEmbedded(t)
	p := e.platform()
	ledger := filepath.Join(e.dir, "ledger")
	id := p.Trigger(t, p.Project(t, "kills"), knownOutput(ledger, jobs, lines))
	for range kills {
		// A moment, not a wait for something: any moment must do.
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		killed := time.Now()
		e.stop(syscall.SIGKILL)
		gone := time.Now()
		e.start()
		t.Logf("gone after %.1f s, ready again after %.1f s", gone.Sub(killed).Seconds(), time.Since(gone).Seconds())
	}
	back := time.Now()
	end := p.AwaitEnd(t, id)
	t.Logf("all ended %.1f s after the last start", time.Since(back).Seconds())
	for _, job := range end.Jobs {
		t.Logf("%s: started %s, stopped %s, %s", job.Name, job.StartedAt, job.StoppedAt, job.Status)
	}
	checkKnown(t, p, end, ledger, jobs, lines)
	if e.started != kills+1 {
		t.Errorf("started %d times, want %d", e.started, kills+1)
	}
}
