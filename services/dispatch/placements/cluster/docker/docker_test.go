// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

// site is a cluster's folder and the program that stands for the agent: it does
// what the variable BEHAVE says.
type site struct {
	host, dir, agent string
}

func newSite(t *testing.T, host string) *site {
	t.Helper()
	s := &site{host: host, dir: filepath.Join(t.TempDir(), "attempts"), agent: filepath.Join(t.TempDir(), "agent")}
	if err := os.WriteFile(s.agent, []byte("#!/bin/sh\neval \"$BEHAVE\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) start(t *testing.T) (*Cluster, func()) {
	t.Helper()
	issuer, err := workload.NewLocal(filepath.Dir(s.agent), "muster", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Dir: s.dir, Host: s.host, Agent: s.agent, OutputURLs: []string{"http://" + HostName + ":1"}, StopGrace: time.Second},
		Deps{Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v, want nil", err)
		}
	})
	t.Cleanup(stop)
	return c, stop
}

func placement(script string, services ...core.DockerImage) cluster.Placement {
	images := append([]core.DockerImage{{Image: clustertest.Image, Environment: []core.EnvVar{{Name: "BEHAVE", Value: script}}}}, services...)
	p := cluster.Placement{
		Attempt: core.Attempt{ID: core.NewAttemptID(), Executor: core.ExecutorDocker},
		Class:   core.ResourceClass{Name: "tiny", CPU: 100, Memory: 64},
	}
	p.Spec.Plan.Executor.Images = images
	return p
}

func TestDocker(t *testing.T) {
	t.Parallel()
	host := clustertest.Engine(t)
	t.Run("suite", func(t *testing.T) {
		clustertest.Suite(t, func(t *testing.T) *clustertest.Harness {
			s := newSite(t, host)
			c, stop := s.start(t)
			return &clustertest.Harness{
				Cluster:   c,
				Placement: func(_ *testing.T, b clustertest.Behavior) cluster.Placement { return placement(b.Script()) },
				Restart: func(t *testing.T) cluster.Cluster {
					stop()
					again, _ := s.start(t)
					return again
				},
				Patience: time.Minute,
			}
		})
	})
	t.Run("own", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, string){
			"image": testImageMissing, "memory": testMemory, "services": testServices, "identity": testIdentity,
			"login": testLogin, "login gone": testLoginGone, "broken service": testBrokenService,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, host)
			})
		}
	})
}

// run submits and waits for the end.
func run(t *testing.T, host string, p cluster.Placement) cluster.Allocation {
	t.Helper()
	c, _ := newSite(t, host).start(t)
	if err := c.Submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return ended(t, c, p.Attempt.ID)
}

// ended waits for the end of a run and removes it.
func ended(t *testing.T, c *Cluster, id core.AttemptID) cluster.Allocation {
	t.Helper()
	return until(t, c, id, "ended", func(a cluster.Allocation) bool { return a.State == cluster.Ended })
}

// until asks for a run until ok holds for it, and removes it then. There are no
// news of what a service does.
func until(t *testing.T, c *Cluster, id core.AttemptID, what string, ok func(cluster.Allocation) bool) cluster.Allocation {
	t.Helper()
	var last cluster.Allocation
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		if last, err = c.Find(context.Background(), id); err == nil && ok(last) {
			purged(t, c, id)
			return last
		}
	}
	t.Fatalf("%s is not %s: %+v", id, what, last)
	return last
}

// purged stops a run and waits until no container of it is left.
func purged(t *testing.T, c *Cluster, id core.AttemptID) {
	t.Helper()
	if err := c.Stop(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		list, err := c.ours(context.Background())
		if _, gone := os.Stat(c.file(id)); err == nil && len(list) == 0 && errors.Is(gone, os.ErrNotExist) {
			return
		}
	}
	t.Errorf("containers of %s are left", id)
}

func testImageMissing(t *testing.T, host string) {
	p := placement("exit 0")
	p.Spec.Plan.Executor.Images[0].Image = "127.0.0.1:1/nobody/nothing:7"
	if a := run(t, host, p); a.Kind != cluster.Image || !strings.Contains(a.Reason, "nobody/nothing:7") {
		t.Errorf("ended as %+v, want an image that cannot be had, by name", a)
	}
}

func testMemory(t *testing.T, host string) {
	a := run(t, host, placement("exec tail /dev/zero"))
	if a.Kind != cluster.Memory {
		t.Errorf("ended as %+v, want killed for memory", a)
	}
}

// testServices reaches a service on localhost and by its name.
func testServices(t *testing.T, host string) {
	script := `for i in 0 1 2 3 4 5 6 7 8 9; do
  if nc 127.0.0.1 4000 </dev/null | grep -q hello && nc db 4000 </dev/null | grep -q hello; then exit 0; fi
  sleep 0.5
done
exit 9`
	service := core.DockerImage{Image: clustertest.Image, Name: "db", Entrypoint: []string{"/bin/sh", "-c"}, Command: []string{"while :; do echo hello | nc -l -p 4000; done"}}
	if a := run(t, host, placement(script, service)); a.Kind != cluster.None || !strings.Contains(a.Reason, "status 0") {
		t.Errorf("ended as %+v, want exit status 0", a)
	}
}

// testIdentity has a user other than root read its token and write its spool.
func testIdentity(t *testing.T, host string) {
	p := placement(`cat "$MUSTER_IDENTITY_FILE" | grep -q . && echo x > "$MUSTER_SPOOL_DIR/x" && [ "$MUSTER_OUTPUT_URL" = http://host.docker.internal:1 ] && exit 0; exit 9`)
	p.Spec.Plan.Executor.Images[0].User = "1234:1234"
	if a := run(t, host, p); !strings.Contains(a.Reason, "status 0") {
		t.Errorf("ended as %+v, want exit status 0", a)
	}
}

func TestNoEngine(t *testing.T) {
	t.Parallel()
	host := "unix://" + filepath.Join(t.TempDir(), "none.sock")
	c, _ := newSite(t, host).start(t)
	err := c.Submit(t.Context(), placement("exit 0"))
	var refusal *cluster.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, "no Docker engine answers at "+host+": start dockerd") {
		t.Errorf("got %v, want a refusal that says what to do", err)
	}
}
