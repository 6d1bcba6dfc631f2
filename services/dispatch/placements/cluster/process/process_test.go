// SPDX-License-Identifier: MPL-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

// site is a folder of attempts and a program that stands for the agent: it does
// what a file named after the attempt says.
type site struct {
	dir, scripts, agent string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: filepath.Join(t.TempDir(), "attempts"), scripts: t.TempDir()}
	s.agent = filepath.Join(s.scripts, "agent")
	text := fmt.Sprintf("#!/bin/sh\nid=$(basename \"$(dirname \"$MUSTER_IDENTITY_FILE\")\")\n. %q/$id\n", s.scripts)
	if err := os.WriteFile(s.agent, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs a cluster on the site, and returns it with what stops it.
func (s *site) start(t *testing.T) (*Cluster, func()) {
	t.Helper()
	issuer, err := workload.NewLocal(s.scripts, "muster", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Dir: s.dir, Agent: s.agent, OutputURLs: []string{"http://127.0.0.1:1"}, StopGrace: 300 * time.Millisecond},
		Deps{Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v, want nil", err)
		}
	}
	t.Cleanup(stop)
	return c, stop
}

func (s *site) placement(t *testing.T, script string) cluster.Placement {
	t.Helper()
	id := core.NewAttemptID()
	if err := os.WriteFile(filepath.Join(s.scripts, string(id)), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return cluster.Placement{Attempt: core.Attempt{ID: id, Executor: core.ExecutorMachine}}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	clustertest.Suite(t, func(t *testing.T) *clustertest.Harness {
		s := newSite(t)
		c, stop := s.start(t)
		return &clustertest.Harness{
			Cluster:   c,
			Placement: func(t *testing.T, b clustertest.Behavior) cluster.Placement { return s.placement(t, b.Script()) },
			Restart: func(t *testing.T) cluster.Cluster {
				stop()
				again, _ := s.start(t)
				return again
			},
		}
	})
}

// TestNothingSurvives has an agent start children that hide in sessions of
// their own, and die: Muster ends what it left behind and removes its folder.
func TestNothingSurvives(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c, _ := s.start(t)
	pids := filepath.Join(t.TempDir(), "pids")
	p := s.placement(t, fmt.Sprintf(`mkdir -p "$HOME/locked/in"; chmod 500 "$HOME/locked"
for i in 1 2 3; do setsid sh -c 'echo $$ >> %q; exec sleep 600' & done
while [ "$(wc -l < %q)" != 3 ]; do sleep 0.02; done 2>/dev/null
kill -9 $$`, pids, pids))
	if err := c.Submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	a := wait(t, c, p.Attempt.ID, cluster.Ended)
	if a.Kind != cluster.Killed {
		t.Errorf("ended as %+v, want killed", a)
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(b)) {
		pid, _ := strconv.Atoi(line)
		for deadline := time.Now().Add(10 * time.Second); startOf(pid) != ""; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d of the build is still there", pid)
			}
		}
	}
	if err := c.Stop(t.Context(), p.Attempt.ID); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(c.folder(p.Attempt.ID)); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the attempt's folder is still there")
		}
	}
}

func wait(t *testing.T, c *Cluster, id core.AttemptID, state cluster.State) cluster.Allocation {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if a, err := c.Find(context.Background(), id); err == nil && a.State == state {
			return a
		}
	}
	t.Fatalf("%s is not %s after 30 s", id, state)
	return cluster.Allocation{}
}

// TestEnvironment checks what an agent gets: its identity, and nothing of the
// environment that Muster itself runs with.
func TestEnvironment(t *testing.T) {
	t.Setenv("MUSTER_SECRET", "canary")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary")
	s := newSite(t)
	c, _ := s.start(t)
	out := filepath.Join(t.TempDir(), "env")
	p := s.placement(t, fmt.Sprintf(`env > %q; cat "$MUSTER_IDENTITY_FILE" > %q.jwt; pwd > %q.pwd`, out, out, out))
	if err := c.Submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	a := wait(t, c, p.Attempt.ID, cluster.Ended)
	env, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(env), "canary") {
		t.Errorf("the agent sees Muster's environment:\n%s", env)
	}
	for _, want := range []string{"MUSTER_OUTPUT_URL=http://127.0.0.1:1", "HOME=" + c.folder(p.Attempt.ID) + "/home", "MUSTER_SPOOL_DIR="} {
		if !strings.Contains(string(env), want) {
			t.Errorf("the agent's environment lacks %q:\n%s", want, env)
		}
	}
	token, err := os.ReadFile(out + ".jwt")
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := workload.NewLocal(s.scripts, "muster", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := verifier.Verify(context.Background(), string(token))
	if err != nil || claims.JobID != string(p.Attempt.ID) || claims.AllocationID != a.ID {
		t.Errorf("the identity says %+v, %v; want attempt %s and allocation %s", claims, err, p.Attempt.ID, a.ID)
	}
}

// TestStartFails reports an agent that cannot be started, once and for good.
func TestStartFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.agent = filepath.Join(s.scripts, "missing")
	c, stop := s.start(t)
	p := s.placement(t, "")
	if err := c.Submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	a := wait(t, c, p.Attempt.ID, cluster.Ended)
	if a.Kind != cluster.Start || !strings.Contains(a.Reason, "missing") {
		t.Errorf("ended as %+v, want a failed start that names the program", a)
	}
	stop()
	again, _ := s.start(t)
	if b := wait(t, again, p.Attempt.ID, cluster.Ended); b.ID != a.ID || b.Kind != a.Kind {
		t.Errorf("after a restart it is %+v, and was %+v", b, a)
	}
}

// TestDiedWhileStarting leaves the folders that a Muster leaves which is killed
// while it starts an agent: one before, one after the agent was started.
func TestDiedWhileStarting(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c, stop := s.start(t)
	p := s.placement(t, clustertest.Sleeps.Script())
	if err := c.Submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	a := wait(t, c, p.Attempt.ID, cluster.Running)
	stop()
	r := c.runs[p.Attempt.ID].record
	r.PID, r.Start = 0, "" // as it was written before the start
	if err := c.save(&r); err != nil {
		t.Fatal(err)
	}
	empty := core.NewAttemptID()
	if err := os.Mkdir(c.folder(empty), 0o700); err != nil {
		t.Fatal(err)
	}
	again, _ := s.start(t)
	if b := wait(t, again, p.Attempt.ID, cluster.Running); b.ID != a.ID {
		t.Errorf("found %+v, want the run %s", b, a.ID)
	}
	if b := wait(t, again, empty, cluster.Ended); b.Kind != cluster.Start {
		t.Errorf("the folder without a record is %+v, want a failed start", b)
	}
	if err := again.Stop(t.Context(), p.Attempt.ID); err != nil {
		t.Fatal(err)
	}
	for again.runsLeft(p.Attempt.ID) {
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *Cluster) runsLeft(id core.AttemptID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs[id] != nil
}
