// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Addresses of what a cluster runs. They are on loopback, but for those that
// containers must reach.
const (
	ConsulAddress = "http://127.0.0.1:8500"
	VaultAddress  = "http://127.0.0.1:8200"
	NomadAddress  = "http://127.0.0.1:4646"
	PublicAddress = "http://127.0.0.1:8080"
	OutputAddress = "http://127.0.0.1:8585"
	vaultToken    = "muster-dev-root" // of a Vault in dev mode on loopback
)

// nomadServer configures the server. It is apart from the client, so that a
// test can restart the client alone.
const nomadServer = `
name       = "server"
region     = "global"
data_dir   = %[1]q
bind_addr  = "127.0.0.1"
log_level  = "INFO"
advertise {
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}
server {
  enabled          = true
  bootstrap_expect = 1
  job_gc_threshold = "15m"
  job_gc_interval  = "1m"
  event_buffer_size = 10000
}
acl { enabled = true }
consul { address = "127.0.0.1:8500" }
vault {
  enabled = true
  default_identity {
    aud = ["vault.io"]
    ttl = "1h"
  }
}
`

// nomadClient configures the client: Docker through the given socket, SSH's
// port range, and nothing asked of clouds that are not there.
const nomadClient = `
name      = "client" # FirstClient
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
  http = 5646
  rpc  = 5647
  serf = 5648
}
acl { enabled = true }
client {
  enabled          = true
  servers          = ["127.0.0.1:4647"]
  cni_path         = %[2]q
  min_dynamic_port = 64535
  max_dynamic_port = 65535
  max_kill_timeout = "2m"
  gc_max_allocs    = 400
  # A scheduler's number: it lets a small machine hold many small builds, and
  # none of the largest class beside the control services, however much memory
  # the machine has.
  cpu_total_compute = 20000
  options = { "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean" }
  meta {
    muster_engine = "true"
    muster_copies = %[5]q
  }
  # Nomad's own limits end a task whose templates cannot be read for some five
  # minutes; an outage of Vault or Consul is to end nothing.
  template {
    vault_retry  { attempts = 0 }
    consul_retry { attempts = 0 }
  }
  host_volume "muster-copies" { path = %[5]q }
  host_volume "muster-layers" { path = %[6]q }
  host_volume "muster-agent" {
    path      = %[4]q
    read_only = true
  }
}
consul { address = "127.0.0.1:8500" }
vault {
  enabled               = true
  address               = "http://127.0.0.1:8200"
  jwt_auth_backend_path = "jwt-nomad"
}
plugin "raw_exec" {
  config { enabled = true }
}
plugin "docker" {
  config {
    endpoint    = %[3]q
    infra_image = "muster-pause:local"
    allow_caps  = ["audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service", "setfcap", "setgid", "setpcap", "setuid", "sys_chroot",
      "sys_admin", "net_admin", "sys_ptrace", "dac_read_search", "net_raw"] # of the engine of setup_remote_docker
    gc { image = false }
    volumes { enabled = false }
  }
}
`

// tool finds a program on PATH or where make tools puts it.
func (c *Cluster) tool(name string) string {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), c.toolDirs...) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path
		}
	}
	return name
}

// agents starts Docker, Consul, Vault and Nomad, each when it does not answer
// already, and waits until it does.
func (c *Cluster) agents(ctx context.Context) error {
	if err := c.docker(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		name  string
		start func() error
		ready string
	}{
		{"consul", c.consul, ConsulAddress + "/v1/status/leader"},
		{"vault", c.vault, VaultAddress + "/v1/sys/health"},
		{"nomad-server", c.nomadServer, NomadAddress + "/v1/status/leader"},
		{"nomad-client", c.StartClient, "http://127.0.0.1:5646/v1/agent/health?type=client"},
	} {
		if err := step.start(); err != nil {
			return err
		}
		if err := c.answers(ctx, step.name, step.ready); err != nil {
			return err
		}
	}
	return nil
}

// answers waits for a 200 with something in it: an empty leader is none.
func (c *Cluster) answers(ctx context.Context, name, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	started := time.Now()
	p := process{name, c.Dir}
	err := poll(ctx, 200*time.Millisecond, func() (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			if p.pid() == 0 {
				return false, errors.New("it has ended")
			}
			return false, nil // not up yet
		}
		defer response.Body.Close()
		var head [8]byte
		n, _ := response.Body.Read(head[:])
		return response.StatusCode == http.StatusOK && strings.Trim(string(head[:n]), "\"\n ") != "", nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s at %s (its log: %s): %w", name, url, p.log(), err)
	}
	c.say("%-14s answers after %.1f s", name, time.Since(started).Seconds())
	return nil
}

// consul is a server of one with its data on disk, and no dev mode: that forgets
// what is registered when it is stopped, as no site's does.
func (c *Cluster) consul() error {
	return process{"consul", c.Dir}.start(nil, c.tool("consul"), "agent", "-server", "-bootstrap-expect=1", "-ui", "-log-level=info",
		"-data-dir="+filepath.Join(c.Dir, "consul"), "-client=127.0.0.1", "-bind=127.0.0.1", "-hcl=performance { raft_multiplier = 1 }")
}

func (c *Cluster) vault() error {
	return process{"vault", c.Dir}.start([]string{"HOME=" + c.Dir}, c.tool("vault"), "server", "-dev",
		"-dev-no-store-token", "-dev-root-token-id="+vaultToken, "-dev-listen-address=127.0.0.1:8200")
}

func (c *Cluster) nomadServer() error {
	config, err := c.write("nomad-server.hcl", fmt.Sprintf(nomadServer, filepath.Join(c.Dir, "nomad-server")))
	if err != nil {
		return err
	}
	return process{"nomad-server", c.Dir}.start(nil, c.tool("nomad"), "agent", "-config="+config)
}

// StartClient starts Nomad's client agent when it does not run.
func (c *Cluster) StartClient() error {
	if err := os.MkdirAll(c.agentDir(), 0o755); err != nil {
		return fmt.Errorf("making the folder of the agent: %w", err)
	}
	layers := filepath.Join(c.Dir, "layers")
	if err := os.MkdirAll(layers, 0o700); err != nil {
		return fmt.Errorf("making the folder of layers: %w", err)
	}
	copies, err := c.copiesDir(FirstClient)
	if err != nil {
		return err
	}
	config, err := c.write("nomad-client.hcl", fmt.Sprintf(nomadClient,
		filepath.Join(c.Dir, "nomad-client"), c.cniPath(), c.dockerHost, c.agentDir(), copies, layers))
	if err != nil {
		return err
	}
	return process{"nomad-client", c.Dir}.start(nil, c.tool("nomad"), "agent", "-config="+config)
}

// KillClient ends Nomad's client agent as a crash would; its tasks live on.
func (c *Cluster) KillClient(ctx context.Context) error {
	return process{"nomad-client", c.Dir}.stop(ctx, syscall.SIGKILL, 5*time.Second)
}

// cniPath is where the CNI plugins are: Debian's folder or the usual one.
func (c *Cluster) cniPath() string {
	for _, dir := range []string{"/opt/cni/bin", "/usr/lib/cni"} {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir
		}
	}
	return "/opt/cni/bin"
}

// write puts a file into the cluster's folder and returns its path.
func (c *Cluster) write(name, text string) (string, error) {
	path := filepath.Join(c.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("writing %s: %w", name, err)
	}
	return path, nil
}
