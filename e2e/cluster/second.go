// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/muster-ci/muster/internal/agentfile"
)

// Names of the clients in Nomad. The first one runs everything; the second one
// comes for a while, to be lost.
const (
	FirstClient  = "client"
	SecondClient = "client-2"
)

// secondClient configures a client for builds; what it has for Docker, or that
// it has none, is put in.
const secondClient = `
name      = "client-2" # SecondClient
region    = "global"
data_dir  = %[1]q
bind_addr = "127.0.0.1"
log_level = "INFO"
advertise {
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}
ports {
  http = 6646
  rpc  = 6647
  serf = 6648
}
acl { enabled = true }
client {
  enabled           = true
  servers           = ["127.0.0.1:4647"]
  cni_path          = %[2]q
  min_dynamic_port  = 63535
  max_dynamic_port  = 64534
  max_kill_timeout  = "2m"
  cpu_total_compute = 24000
  options = {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
    "driver.denylist"      = %[4]q
  }
  meta {
    muster_agents = %[3]q
    muster_copies = %[5]q
  }
  host_volume "muster-copies" { path = %[5]q }
  host_volume "muster-agent" {
    path      = %[6]q
    read_only = true
  }
}
# The first client registers in Consul and logs in to Vault; this one runs
# nothing that asks for either. It must not find that Consul: a minute after its
# start a client removes what it has not registered itself.
consul {
  address          = "127.0.0.1:1"
  client_auto_join = false
  auto_advertise   = false
}
plugin "raw_exec" {
  config { enabled = true }
}
# Both clients share one engine. What this one does not know is the other's.
plugin "docker" {
  config {
    endpoint    = %[7]q
    infra_image = "muster-pause:local"
    gc {
      image = false
      dangling_containers { enabled = false }
    }
    volumes { enabled = false }
  }
}
`

func (c *Cluster) second() process { return process{"nomad-client-2", c.Dir} }

// StartSecond starts the second client and waits until Nomad counts on it. It
// runs builds of the machine executor, and of the docker executor where that is
// said: without Docker no control service can move to it.
func (c *Cluster) StartSecond(ctx context.Context, docker bool) error {
	version, err := agentfile.Install(filepath.Join(c.Dir, "image", agentfile.Program), c.agentDir())
	if err != nil {
		return err
	}
	copies, err := c.copiesDir(SecondClient)
	if err != nil {
		return err
	}
	denied := "docker"
	if docker {
		denied = ""
	}
	config, err := c.write("nomad-client-2.hcl", fmt.Sprintf(secondClient,
		filepath.Join(c.Dir, "nomad-client-2"), c.cniPath(), version, denied, copies, c.agentDir(), c.dockerHost))
	if err != nil {
		return err
	}
	if err := c.second().start(nil, c.tool("nomad"), "agent", "-config="+config); err != nil {
		return err
	}
	return c.AwaitNode(ctx, SecondClient, "ready")
}

// LoseSecond ends the second client and everything that it runs at one moment,
// as a machine does that loses its power: nobody is left to say a word.
func (c *Cluster) LoseSecond() error {
	pid := c.second().pid()
	if pid == 0 {
		return fmt.Errorf("the client %s does not run", SecondClient)
	}
	all, err := freeze(pid)
	if err != nil {
		return err
	}
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

// PauseSecond stops the second client's agent and returns what lets it go on. Its
// tasks run all the while.
func (c *Cluster) PauseSecond() (goOn func() error, err error) {
	pid := c.second().pid()
	if pid == 0 {
		return nil, fmt.Errorf("the client %s does not run", SecondClient)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("pausing the client %s (%d): %w", SecondClient, pid, err)
	}
	return func() error { return syscall.Kill(pid, syscall.SIGCONT) }, nil
}

// ForgetSecond removes what is left of the second client, from this machine and
// from Nomad.
func (c *Cluster) ForgetSecond(ctx context.Context) error {
	if err := c.second().stop(ctx, syscall.SIGKILL, 5*time.Second); err != nil {
		return err
	}
	if err := c.second().sweep(); err != nil {
		return err
	}
	data := filepath.Join(c.Dir, "nomad-client-2")
	if err := unmountBelow(data); err != nil {
		return err
	}
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("removing the data of %s: %w", SecondClient, err)
	}
	id, _, err := c.node(ctx, SecondClient)
	if err != nil {
		return err
	}
	_, err = c.Nomad(ctx, "operator", "api", "-X", "PUT", "/v1/node/"+id+"/purge")
	return err
}

// freeze stops a process and all that descends from it, and returns them. It
// looks again until it finds no new ones: the ones it has found make no more.
func freeze(pid int) ([]int, error) {
	all := []int{pid}
	frozen := map[int]bool{}
	for grown := true; grown; {
		for _, pid := range all {
			if !frozen[pid] {
				_ = syscall.Kill(pid, syscall.SIGSTOP)
				frozen[pid] = true
			}
		}
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			return nil, fmt.Errorf("listing processes: %w", err)
		}
		grown = false
		for _, stat := range stats {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			fields := statFields(child)
			if len(fields) < 2 || frozen[child] {
				continue
			}
			if parent, _ := strconv.Atoi(fields[1]); frozen[parent] {
				all, grown = append(all, child), true
				frozen[child] = false
			}
		}
	}
	return all, nil
}

// Eligible says whether a client may be given new work.
func (c *Cluster) Eligible(ctx context.Context, name string, eligible bool) error {
	id, _, err := c.node(ctx, name)
	if err != nil {
		return err
	}
	flag := "-disable"
	if eligible {
		flag = "-enable"
	}
	_, err = c.Nomad(ctx, "node", "eligibility", flag, id)
	return err
}

// AwaitNode waits until a client has a status: ready or down. Nomad gives up a
// client that is silent after its heartbeat's time and the grace, about 10 s
// each; ctx bounds the wait.
func (c *Cluster) AwaitNode(ctx context.Context, name, status string) error {
	began := time.Now()
	var last string
	err := poll(ctx, 250*time.Millisecond, func() (bool, error) {
		_, now, err := c.node(ctx, name)
		if err == nil {
			last = now
		}
		return err == nil && now == status, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until %s is %s (it is %q; its log: %s): %w", name, status, last, c.second().log(), err)
	}
	c.say("%-14s %s after %.1f s", name, status, time.Since(began).Seconds())
	return nil
}

// node returns the id and the status of a client.
func (c *Cluster) node(ctx context.Context, name string) (id, status string, err error) {
	out, err := c.Nomad(ctx, "operator", "api", "/v1/nodes")
	if err != nil {
		return "", "", err
	}
	var nodes []struct{ ID, Name, Status string }
	if err := json.Unmarshal([]byte(out), &nodes); err != nil {
		return "", "", fmt.Errorf("reading Nomad's list of clients: %w", err)
	}
	for _, node := range nodes {
		if node.Name == name {
			return node.ID, node.Status, nil
		}
	}
	return "", "", fmt.Errorf("Nomad knows no client %s among %d", name, len(nodes))
}
