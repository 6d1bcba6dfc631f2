// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/api"
)

// testOutages takes away what Muster stands on, one thing after the other, and
// then Muster itself, below one build that writes all the while. After each of
// them the build still runs, what it wrote meanwhile arrives, and new builds run
// within a minute.
func testOutages(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	b := startLongBuild(t, p)
	for _, outage := range []struct {
		name string
		run  func(*testing.T, *cluster.Cluster, *scenario.Platform, *longBuild)
	}{
		{"NomadServerKilled", testServerKilled},
		{"ConsulAway", testConsulAway},
		{"VaultSealed", testVaultSealed},
		{"PostgresKilled", testPostgresKilled},
		{"BucketAway", testBucketAway},
		{"OutputAway", testOutputAway},
		{"Upgrade", testUpgrade},
	} {
		t.Run(outage.name, func(t *testing.T) {
			began := time.Now()
			outage.run(t, c, p, b)
			over := time.Now()
			b.arrives(t, p, b.lines(t))
			b.small(t, p)
			t.Logf("away for %.1f s; all was well %.1f s later", over.Sub(began).Seconds(), time.Since(over).Seconds())
		})
	}
	b.end(t, p)
}

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

// dockerBuild is a build of one command that fits beside others, however small
// the machine is.
func dockerBuild(command string) string {
	return "version: 2.1\njobs:\n  build:\n    docker:\n      - image: muster-busybox:local\n    resource_class: small\n    steps:\n      - run: " + command + "\n"
}

// small runs a small build to its end.
func (b *longBuild) small(t *testing.T, p *scenario.Platform) {
	t.Helper()
	if got := p.AwaitEnd(t, b.trigger(t, p, dockerBuild("echo here"))).Job(t, "build"); got.Status != "success" {
		t.Errorf("the small build: got %s (%s), want success", got.Status, got.Reason)
	}
}

// undisturbed runs an outage and asks that it restarted no control service.
func undisturbed(t *testing.T, c *cluster.Cluster, outage func()) {
	t.Helper()
	before, err := c.Processes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	outage()
	after, err := c.Processes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("control services were restarted (-before +after):\n%s", diff)
	}
}

// must ends the test on an error of the test's own doings.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testServerKilled has a build triggered while Nomad has no server: it waits and
// runs when there is one again.
func testServerKilled(t *testing.T, c *cluster.Cluster, p *scenario.Platform, b *longBuild) {
	undisturbed(t, c, func() {
		must(t, c.KillServer(t.Context()))
		id := b.trigger(t, p, dockerBuild("echo here"))
		b.arrives(t, p, b.lines(t))
		must(t, c.StartServer(t.Context()))
		if got := p.AwaitEnd(t, id).Job(t, "build"); got.Status != "success" {
			t.Errorf("the build that waited: got %s (%s), want success", got.Status, got.Reason)
		}
	})
}

// testConsulAway runs a whole new build while Consul's agent is away.
func testConsulAway(t *testing.T, c *cluster.Cluster, p *scenario.Platform, b *longBuild) {
	undisturbed(t, c, func() {
		must(t, c.StopConsul(t.Context()))
		defer func() { must(t, c.StartConsul(t.Context())) }()
		b.arrives(t, p, b.lines(t))
		b.small(t, p)
	})
}

// testVaultSealed runs a whole new build while Vault is sealed. One that needs a
// secret waits for it.
func testVaultSealed(t *testing.T, c *cluster.Cluster, p *scenario.Platform, b *longBuild) {
	secretive := p.Project(t, "sealed")
	if _, err := p.Client.SetVariable(t.Context(), secretive, api.Variable{Name: "SECRET", Value: "a-value-of-vaults"}); err != nil {
		t.Fatal(err)
	}
	undisturbed(t, c, func() {
		must(t, c.SealVault(t.Context()))
		unsealed := false
		defer func() {
			if !unsealed {
				must(t, c.UnsealVault(t.Context()))
			}
		}()
		b.arrives(t, p, b.lines(t))
		waits := p.Trigger(t, secretive, dockerBuild("test \"$SECRET\" = a-value-of-vaults"))
		b.small(t, p)
		if s, err := p.Look(t.Context(), waits); err != nil || len(s.Jobs) != 1 || s.Jobs[0].Status == "success" {
			t.Errorf("the build with a secret was to wait: %+v, %v", s.Jobs, err)
		}
		unsealed = true
		must(t, c.UnsealVault(t.Context()))
		if got := p.AwaitEnd(t, waits).Job(t, "build"); got.Status != "success" {
			t.Errorf("the build that waited for its secret: got %s (%s), want success", got.Status, got.Reason)
		}
	})
}

// testPostgresKilled has PostgreSQL recover from a crash: output that arrives
// again is committed there.
func testPostgresKilled(t *testing.T, c *cluster.Cluster, p *scenario.Platform, b *longBuild) {
	undisturbed(t, c, func() {
		before := b.lines(t)
		must(t, c.KillPostgres())
		b.arrives(t, p, b.lines(t))
		b.goesOn(t, before)
	})
}

// testOutputAway leaves builds without output for a minute. The build writes on.
func testOutputAway(t *testing.T, c *cluster.Cluster, p *scenario.Platform, b *longBuild) {
	must(t, c.Upgrade(t.Context(), "output", "-var=instances=0"))
	before := b.lines(t)
	<-time.After(time.Minute) // the outage itself
	b.goesOn(t, before)
	must(t, c.Upgrade(t.Context(), "output"))
}

// testUpgrade replaces every control service, all of them at once, by another
// version of its nomad job.
func testUpgrade(t *testing.T, c *cluster.Cluster, p *scenario.Platform, b *longBuild) {
	before, err := c.Processes(t.Context())
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range cluster.Services {
		group.Go(func() error { return c.Upgrade(ctx, name, "-var=log_level=debug") })
	}
	must(t, group.Wait())
	after, err := c.Processes(t.Context())
	must(t, err)
	for name, pids := range before {
		if after[name] == pids {
			t.Errorf("%s was not replaced", name)
		}
	}
}
