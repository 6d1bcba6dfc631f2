// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
)

// up brings the cluster up once a test run. MUSTER_E2E_KEEP leaves it there
// afterwards and uses it again the next time.
var up = sync.OnceValues(func() (*cluster.Cluster, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	c, err := cluster.New(root, filepath.Join(root, ".muster-cluster"), os.Stdout)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if os.Getenv("MUSTER_E2E_KEEP") == "" {
		_ = c.Down(ctx) // what an interrupted run left behind
		after = append(after, func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			_ = c.Down(ctx)
		})
	}
	return c, c.Up(ctx)
})

// onCluster returns the cluster and the view of it that scenarios have.
func onCluster(t *testing.T) (*cluster.Cluster, *scenario.Platform) {
	t.Helper()
	c, err := up()
	if err != nil {
		t.Fatalf("bringing the cluster up: %v", err)
	}
	api, err := c.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, &scenario.Platform{Client: api, Docker: true, Patience: 4 * time.Minute}
}

// TestCluster runs its parts one after the other: they share one cluster, and
// some of them break it on purpose.
func TestCluster(t *testing.T) {
	c, p := onCluster(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *cluster.Cluster, *scenario.Platform)
	}{
		{"Figures", testFigures},
		{"Scenarios", testScenarios},
		{"EmbeddedScenarios", testEmbeddedScenarios},
		{"Identities", testIdentities},
		{"Example", testExample},
		{"SSH", testSSH},
		{"CommandLineOfCircleCI", testCommandLineOnCluster},
		{"ClientRestart", testClientRestart},
		{"ClientDrained", testClientDrained},
		{"ContainersDrained", testContainersDrained},
		{"ClientLost", testClientLost},
		{"ClientPaused", testClientPaused},
		{"Copies", testCopies},
		{"NoPlacement", testNoPlacement},
		{"ServiceKills", testServiceKills},
		{"Dogfood", testDogfood},
		{"NoOrphans", testNoOrphans},
		{"BootstrapAgain", testBootstrapAgain},
		{"Outages", testOutages},
		{"NothingLeft", testNoOrphans},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, c, p) })
	}
}

// testFigures measures the idle control plane: the promise is under 1 GiB.
func testFigures(t *testing.T, c *cluster.Cluster, _ *scenario.Platform) {
	figures, err := c.PrintFigures(t.Context(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var memory int64
	for _, f := range figures {
		memory += f.RSS
	}
	if memory >= 1<<30 {
		t.Errorf("the control plane uses %d MiB, want less than 1024", memory>>20)
	}
}

// testCommandLineOnCluster does what TestCommandLineOfCircleCI does on embedded
// parts.
func testCommandLineOnCluster(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	program := newCircleCI(t)
	token, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	testCommandLine(t, program, p.Client, cluster.PublicAddress, token)
}

func testScenarios(t *testing.T, _ *cluster.Cluster, p *scenario.Platform) {
	scenarios, err := scenario.Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		p.Run(t, s)
	}
}

// testEmbeddedScenarios runs the scenarios on embedded parts once more, now
// with a Docker engine at hand.
func testEmbeddedScenarios(t *testing.T, c *cluster.Cluster, _ *scenario.Platform) {
	t.Setenv("DOCKER_HOST", c.DockerHost())
	scenarios, err := scenario.Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	e := newEmbedded(t)
	p := e.platform()
	if !p.Docker {
		t.Fatal("the embedded platform does not see the cluster's Docker engine")
	}
	t.Run("all", func(t *testing.T) {
		for _, s := range scenarios {
			p.Run(t, s)
		}
	})
	t.Run("ssh", e.logsIn)
}

// testClientRestart kills Nomad's client agent in the middle of a build: the
// build goes on, and its result counts.
func testClientRestart(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	const jobs, lines = 2, 2000
	ledger := filepath.Join(t.TempDir(), "ledger")
	id := p.Trigger(t, p.Project(t, "client-restart"), knownOutput(ledger, jobs, lines))
	p.Await(t, id, "all jobs run", func(s scenario.State) bool { return running(s) == jobs })
	if err := c.KillClient(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * time.Second) // down for a while, as a restart takes
	if err := c.StartClient(); err != nil {
		t.Fatal(err)
	}
	checkKnown(t, p, p.AwaitEnd(t, id), ledger, jobs, lines)
}

func running(s scenario.State) int {
	var n int
	for _, job := range s.Jobs {
		if job.Status == "running" {
			n++
		}
	}
	return n
}

// testServiceKills kills each control service at a random moment of builds with
// known output. Nomad brings it back; nothing may be lost or run twice.
func testServiceKills(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	const jobs, lines = 3, 6000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	ledger := filepath.Join(t.TempDir(), "ledger")
	id := p.Trigger(t, p.Project(t, "service-kills"), knownOutput(ledger, jobs, lines))
	for _, i := range random.Perm(len(cluster.Services)) {
		name := cluster.Services[i]
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond) // any moment must do
		pids, err := c.TaskPIDs(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range pids {
			if pid, err := strconv.Atoi(text); err == nil && pid > 1 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				t.Logf("killed %s (%d)", name, pid)
			}
		}
	}
	end := p.AwaitEnd(t, id)
	checkKnown(t, p, end, ledger, jobs, lines)
	for _, name := range cluster.Services {
		if err := c.Healthy(t.Context(), name, 1); err != nil {
			t.Error(err)
		}
	}
}

// testNoOrphans asks that nothing of a build is left in Nomad once all have
// ended.
func testNoOrphans(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var out string
	for {
		var err error
		if out, err = c.Nomad(ctx, "operator", "api", "/v1/jobs?namespace=muster-builds&prefix=m-"); err == nil && trimmed(out) == "[]" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("these nomad jobs are left over: %s", out)
		case <-time.After(time.Second):
		}
	}
}

// testBootstrapAgain runs the whole of Up on the running cluster: bootstrap and
// deployment change nothing that is as it should be.
func testBootstrapAgain(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	if err := c.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := p.Trigger(t, p.Project(t, "again"), "version: 2.1\njobs:\n  build:\n    machine: true\n    steps:\n      - run: echo still here\n")
	if end := p.AwaitEnd(t, id); end.Job(t, "build").Status != "success" {
		t.Errorf("after a second bootstrap: got %+v", end.Jobs)
	}
}
