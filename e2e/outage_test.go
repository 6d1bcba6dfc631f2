// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"context"
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
		{"OutputPaused", testOutputPaused},
		{"Upgrade", testUpgrade},
	} {
		t.Run(outage.name, func(t *testing.T) {
			began := time.Now()
			outage.run(t, c, p, b)
			over := time.Now()
			b.arrives(t, p, b.lines(t))
			b.small(t, p)
			t.Logf("away for %.1f s; all was well %.1f s later", over.Sub(began).Seconds(), time.Since(over).Seconds())
			recovered(t, over)
		})
	}
	b.end(t, p)
}

// recovery is how long it may take until all is as before once what was away is
// back: a promise, and ten times what it takes or more.
const recovery = time.Minute

func recovered(t *testing.T, over time.Time) {
	t.Helper()
	if took := time.Since(over); took > recovery {
		t.Errorf("all was well %.1f s after the outage, want %.0f s at most", took.Seconds(), recovery.Seconds())
	}
}

// dockerBuild is a build of one command that fits beside others, however small
// the machine is.
func dockerBuild(command string) string {
	return "version: 2.1\njobs:\n  build:\n    docker:\n      - image: muster-busybox:local\n    resource_class: small\n    steps:\n      - run: " + command + "\n"
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

// testOutputPaused stops output's process for a minute instead: its addresses are
// there and take connections, which nobody answers. Nomad does not restart it.
func testOutputPaused(t *testing.T, c *cluster.Cluster, _ *scenario.Platform, b *longBuild) {
	undisturbed(t, c, func() {
		before := b.lines(t)
		must(t, c.Pause(t.Context(), "output", time.Minute))
		b.goesOn(t, before)
	})
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
