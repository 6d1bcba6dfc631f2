// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-ci/muster/e2e/scenario"
)

// longBuild is a build with known output that goes on until it is told to end.
type longBuild struct {
	slug, id, job, ledger string
	stop, count           string // files: ends it, and how many lines it has written
	triggered             int    // pipelines of the project
}

// trigger starts a pipeline in the long build's project.
func (b *longBuild) trigger(t *testing.T, p *scenario.Platform, config string) string {
	t.Helper()
	b.triggered++
	return p.Trigger(t, b.slug, config)
}

// endless is the config of one job, which begins like one of knownOutput. It
// writes about 100 lines a second.
const endless = `version: 2.1
jobs:
  job0:
    machine: true
    steps:
      - run:
          name: Known output
          shell: /bin/bash -e
          command: |
            echo "$CIRCLE_JOB" >> %s
            i=0
            until [ -e %s ]; do
              for n in 1 2 3 4 5; do
                printf '%%s line %%d of known output, forty-two bytes of it or more\n' "$CIRCLE_JOB" $i
                i=$((i + 1))
              done
              echo $i > %[3]s.new && mv %[3]s.new %[3]s
              sleep 0.05
            done
workflows:
  main:
    jobs: [job0]
`

func startLongBuild(t *testing.T, p *scenario.Platform) *longBuild {
	t.Helper()
	dir := t.TempDir()
	b := &longBuild{slug: p.Project(t, "outages"), ledger: filepath.Join(dir, "ledger"), stop: filepath.Join(dir, "stop"), count: filepath.Join(dir, "count")}
	b.id = b.trigger(t, p, fmt.Sprintf(endless, b.ledger, b.stop, b.count))
	b.job = awaitLine(t, p, b.id, "line 100 ").Jobs[0].ID
	t.Cleanup(func() { _ = os.WriteFile(b.stop, nil, 0o644) }) // also when an outage was too much
	return b
}

// lines is how many the build has written by now.
func (b *longBuild) lines(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(b.count)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// arrives waits until so many lines can be read, with the build running.
func (b *longBuild) arrives(t *testing.T, p *scenario.Platform, lines int) {
	t.Helper()
	want := int64(len(knownLines("job0", lines)))
	p.Await(t, b.id, fmt.Sprintf("%d lines can be read", lines), func(s scenario.State) bool {
		if running(s) != 1 {
			t.Fatalf("the build was to run all the while: %+v", s.Jobs)
		}
		steps, err := p.Client.JobSteps(t.Context(), b.job)
		if err != nil || len(steps.Tasks) != 1 || len(steps.Tasks[0].Attempts) != 1 {
			return false
		}
		step := lastStep(steps.Tasks[0].Attempts[0])
		return step.Name == "Known output" && step.Bytes >= want
	})
}

// goesOn asks that the build writes on during an outage.
func (b *longBuild) goesOn(t *testing.T, before int) {
	t.Helper()
	if now := b.lines(t); now <= before {
		t.Errorf("the build has written %d lines, and %d before the outage: it stands still", now, before)
	}
}

func (b *longBuild) end(t *testing.T, p *scenario.Platform) {
	t.Helper()
	if err := os.WriteFile(b.stop, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	end := p.AwaitEnd(t, b.id)
	checkKnown(t, p, end, b.ledger, 1, b.lines(t))
	t.Logf("%d lines in one attempt", b.lines(t))
	if n := len(attemptsOf(t, p, b.job)); n != 1 {
		t.Errorf("it took %d attempts, want 1", n)
	}
	pipelines, err := p.Client.ProjectPipelines(t.Context(), b.slug, "")
	if err != nil || len(pipelines) != b.triggered {
		t.Errorf("the project has %d pipelines (%v), want the %d that were triggered", len(pipelines), err, b.triggered)
	}
}

// small runs a small build to its end.
func (b *longBuild) small(t *testing.T, p *scenario.Platform) {
	t.Helper()
	if got := p.AwaitEnd(t, b.trigger(t, p, dockerBuild("echo here"))).Job(t, "build"); got.Status != "success" {
		t.Errorf("the small build: got %s (%s), want success", got.Status, got.Reason)
	}
}
