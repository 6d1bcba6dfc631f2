// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

// site is a Nomad and a program that stands for the agent: it does what a file
// named after the attempt says.
type site struct {
	address, scripts string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{address: testx.Nomad(t), scripts: t.TempDir()}
	text := fmt.Sprintf("#!/bin/sh\n. %q/$NOMAD_JOB_ID\n", s.scripts)
	if err := os.WriteFile(filepath.Join(s.scripts, "agent"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// machineTemplate is the one that comes with Muster, with a kill timeout that a
// test can wait for.
func machineTemplate(t *testing.T) *jobspec.Template {
	t.Helper()
	src, err := os.ReadFile("../../../../../jobs/tasks/machine.nomad.hcl")
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := jobspec.Parse("machine.nomad.hcl", []byte(strings.ReplaceAll(string(src), `"30s"`, `"1s"`)))
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// cluster has the agent on the client.
func (s *site) cluster(t *testing.T) *Cluster {
	t.Helper()
	c, err := New(Config{
		API: &api.Config{Address: s.address}, Templates: map[core.ExecutorKind]*jobspec.Template{core.ExecutorMachine: machineTemplate(t)},
		Agent: jobspec.Agent{Path: filepath.Join(s.scripts, "agent")}, OutputURLs: []string{"http://127.0.0.1:1"},
	}, Deps{Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *site) placement(t *testing.T, script string) cluster.Placement {
	t.Helper()
	id := core.NewAttemptID()
	if err := os.WriteFile(filepath.Join(s.scripts, string(id)), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return cluster.Placement{
		Attempt: core.Attempt{ID: id, Executor: core.ExecutorMachine},
		Class:   core.ResourceClass{Name: "tiny", CPU: 20, Memory: 32, Disk: 10, Pool: "default"},
	}
}

// TestNomad runs everything against one real Nomad.
func TestNomad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	t.Run("suite", func(t *testing.T) {
		clustertest.Suite(t, func(t *testing.T) *clustertest.Harness {
			return &clustertest.Harness{
				Cluster:   s.cluster(t),
				Placement: func(t *testing.T, b clustertest.Behavior) cluster.Placement { return s.placement(t, b.Script()) },
				Restart:   func(t *testing.T) cluster.Cluster { return s.cluster(t) },
				Patience:  time.Minute,
			}
		})
	})
	t.Run("own", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *site){
			"no room":            testNoRoom,
			"start fails":        testStartFails,
			"identity":           testIdentity,
			"unknown pool":       testUnknownPool,
			"a bad template":     testBadTemplate,
			"stopped by hand":    testStoppedByHand,
			"no secret is in it": testJobIsPlain,
			"stopped in line":    testStoppedInLine,
			"agent carried":      testCarried,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, s)
			})
		}
	})
}

func submit(t *testing.T, c *Cluster, p cluster.Placement) {
	t.Helper()
	if err := c.Submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background(), p.Attempt.ID); err != nil {
			t.Error(err)
		}
	})
}

// listed waits until the attempt is listed as wanted.
func listed(t *testing.T, c *Cluster, id core.AttemptID, what string, ok func(cluster.Allocation) bool) cluster.Allocation {
	t.Helper()
	var last cluster.Allocation
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		list, err := c.List(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if a.Attempt == id {
				if last = a; ok(a) {
					return a
				}
			}
		}
	}
	t.Fatalf("%s is not %s after a minute: %+v", id, what, last)
	return last
}

func isEnded(a cluster.Allocation) bool { return a.State == cluster.Ended }

func testNoRoom(t *testing.T, s *site) {
	c := s.cluster(t)
	p := s.placement(t, "exit 0")
	p.Class.Memory = 100 << 20
	submit(t, c, p)
	a := listed(t, c, p.Attempt.ID, "explained", func(a cluster.Allocation) bool { return a.Reason != "" })
	if a.State != cluster.Pending || !strings.Contains(a.Reason, `dimension "memory" exhausted on 1 nodes`) {
		t.Errorf("listed as %+v, want pending for want of memory", a)
	}
}

func testStartFails(t *testing.T, s *site) {
	c := s.cluster(t)
	c.cfg.Agent.Path = "/nowhere/muster-agent"
	p := s.placement(t, "")
	submit(t, c, p)
	if a := listed(t, c, p.Attempt.ID, "ended", isEnded); a.Kind != cluster.Start || !strings.Contains(a.Reason, "/nowhere/muster-agent") {
		t.Errorf("ended as %+v, want a failed start that names the program", a)
	}
}

// testIdentity looks at what the agent gets: a token for Muster, and neither
// the default identity nor Nomad's token.
func testIdentity(t *testing.T, s *site) {
	c := s.cluster(t)
	out := filepath.Join(t.TempDir(), "seen")
	p := s.placement(t, fmt.Sprintf(`{ cut -d. -f2 "$MUSTER_IDENTITY_FILE" | tr '_-' '/+' | base64 -d 2>/dev/null; echo; env; } > %q.new; mv %q.new %q`, out, out, out))
	submit(t, c, p)
	a := listed(t, c, p.Attempt.ID, "ended", isEnded)
	seen, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"aud":"muster"`, `"nomad_job_id":"` + string(p.Attempt.ID), `"nomad_allocation_id":"` + a.ID, "MUSTER_OUTPUT_URL=http://127.0.0.1:1"} {
		if !strings.Contains(string(seen), want) {
			t.Errorf("the agent does not see %s:\n%s", want, seen)
		}
	}
	if strings.Contains(string(seen), "NOMAD_TOKEN") {
		t.Errorf("the agent sees a Nomad token:\n%s", seen)
	}
}

func testUnknownPool(t *testing.T, s *site) {
	p := s.placement(t, "")
	p.Class.Pool = "nowhere"
	err := s.cluster(t).Submit(t.Context(), p)
	if refusal, ok := err.(*cluster.Refusal); !ok || !strings.Contains(refusal.Reason, "nowhere") {
		t.Errorf("got %v, want a refusal that names the pool", err)
	}
}

func testBadTemplate(t *testing.T, s *site) {
	c := s.cluster(t)
	tmpl, err := jobspec.Parse("mine.hcl", []byte("job \"x\" {\n  group \"g\" {\n    task \"agent\" {\n      user = muster.nothing\n    }\n  }\n}"))
	if err != nil {
		t.Fatal(err)
	}
	c.cfg.Templates = map[core.ExecutorKind]*jobspec.Template{core.ExecutorMachine: tmpl}
	err = c.Submit(t.Context(), s.placement(t, ""))
	if refusal, ok := err.(*cluster.Refusal); !ok || !strings.Contains(refusal.Reason, "mine.hcl:4") {
		t.Errorf("got %v, want a refusal with the place in the template", err)
	}
}

// testStoppedByHand stops the allocation behind Muster's back.
func testStoppedByHand(t *testing.T, s *site) {
	c := s.cluster(t)
	p := s.placement(t, clustertest.Sleeps.Script())
	submit(t, c, p)
	a := listed(t, c, p.Attempt.ID, "running", func(a cluster.Allocation) bool { return a.State == cluster.Running })
	if _, err := c.client.Allocations().Stop(&api.Allocation{ID: a.ID}, nil); err != nil {
		t.Fatal(err)
	}
	b := listed(t, c, p.Attempt.ID, "ended", isEnded)
	if b.ID != a.ID || b.Kind != cluster.Killed {
		t.Errorf("ended as %+v, want the allocation %s killed", b, a.ID)
	}
}

// testStoppedInLine stops the job of an attempt that is not placed yet, and
// leaves it there.
func testStoppedInLine(t *testing.T, s *site) {
	c := s.cluster(t)
	p := s.placement(t, "exit 0")
	p.Class.Memory = 100 << 20
	submit(t, c, p)
	if _, _, err := c.client.Jobs().Deregister(string(p.Attempt.ID), false, nil); err != nil {
		t.Fatal(err)
	}
	if a := listed(t, c, p.Attempt.ID, "ended", isEnded); a.Kind != cluster.Killed {
		t.Errorf("ended as %+v, want killed", a)
	}
}

func testJobIsPlain(t *testing.T, s *site) {
	c := s.cluster(t)
	p := s.placement(t, clustertest.Sleeps.Script())
	submit(t, c, p)
	job, _, err := c.client.Jobs().Info(string(p.Attempt.ID), nil)
	if err != nil {
		t.Fatal(err)
	}
	group := job.TaskGroups[0]
	if *group.RestartPolicy.Attempts != 0 || *group.ReschedulePolicy.Attempts != 0 || *group.Disconnect.Replace || !*group.Tasks[0].LogConfig.Disabled {
		t.Errorf("restart %+v, reschedule %+v, disconnect %+v, logs %+v; want all of them off",
			group.RestartPolicy, group.ReschedulePolicy, group.Disconnect, group.Tasks[0].LogConfig)
	}
	if group.Tasks[0].Vault != nil || group.Tasks[0].Consul != nil || group.Consul != nil {
		t.Errorf("the job leans on Vault or Consul: %+v", group.Tasks[0])
	}
}
