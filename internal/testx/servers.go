// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Vault starts a dev server, which keeps all in memory and is unsealed, and
// returns its address and a token that may do anything. The engine secret/ is
// there (KV version 2), transit/ is not.
func Vault(t testing.TB) (address, token string) {
	t.Helper()
	path := Tool(t, "vault")
	listen := fmt.Sprintf("127.0.0.1:%d", FreePorts(t, 1)[0])
	token = "root-for-tests"
	p := start(t, syscall.SIGKILL, path, "server", "-dev", "-dev-no-store-token",
		"-dev-listen-address="+listen, "-dev-root-token-id="+token)
	t.Cleanup(func() { p.stop(t, syscall.SIGTERM) })
	address = "http://" + listen
	p.await(t, func() error {
		_, err := get(address + "/v1/sys/health")
		return err
	})
	return address, token
}

// Consul starts a dev agent and returns its HTTP address, "127.0.0.1:port".
func Consul(t testing.TB) string {
	t.Helper()
	return consul(t, "")
}

// ConsulWithACL starts one that lets nobody do anything without a token, and
// returns one that may do everything.
func ConsulWithACL(t testing.TB) (address, token string) {
	t.Helper()
	token = "5eed0000-0000-4000-8000-000000000001"
	file := filepath.Join(t.TempDir(), "acl.hcl")
	config := fmt.Sprintf("acl {\n  enabled = true\n  default_policy = \"deny\"\n  tokens {\n    initial_management = %[1]q\n    agent = %[1]q\n  }\n}\n", token)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return consul(t, "?token="+token, "-config-file="+file), token
}

func consul(t testing.TB, query string, more ...string) string {
	t.Helper()
	path := Tool(t, "consul")
	ports := FreePorts(t, 4)
	args := []string{"agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", "-log-level=warn",
		"-http-port=" + strconv.Itoa(ports[0]), "-server-port=" + strconv.Itoa(ports[1]),
		"-serf-lan-port=" + strconv.Itoa(ports[2]), "-serf-wan-port=" + strconv.Itoa(ports[3]),
		"-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1"}
	p := start(t, syscall.SIGKILL, path, append(args, more...)...)
	t.Cleanup(func() { p.stop(t, syscall.SIGTERM) })
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	p.await(t, func() error {
		// It can hold services once its own node is in the catalog.
		nodes, err := get("http://" + address + "/v1/catalog/nodes" + query)
		if err == nil && !strings.Contains(nodes, `"Node"`) {
			err = fmt.Errorf("it knows no node yet")
		}
		return err
	})
	return address
}

// NomadConfig is HCL that is read after the settings of Nomad below, and wins
// over them.
type NomadConfig string

// Nomad starts a dev agent, server and client in one, and returns its address,
// "http://127.0.0.1:port". Its builds' ports are those that Muster publishes,
// raw_exec is on, and docker keeps images and allows no host volumes. It returns
// when the client can take jobs.
func Nomad(t testing.TB, configs ...NomadConfig) string {
	t.Helper()
	path := Tool(t, "nomad")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	ports := FreePorts(t, 3)
	args := []string{"agent", "-dev"}
	for i, config := range append([]NomadConfig{nomadBase(data, ports)}, configs...) {
		file := filepath.Join(dir, fmt.Sprintf("%02d.hcl", i))
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatalf("writing Nomad's settings: %v", err)
		}
		args = append(args, "-config="+file)
	}
	// A dev agent that is interrupted ends its tasks itself.
	p := start(t, syscall.SIGINT, path, args...)
	t.Cleanup(func() {
		p.stop(t, syscall.SIGINT)
		unmount(dir)
	})
	address := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	p.await(t, func() error {
		nodes, err := get(address + "/v1/nodes")
		if err == nil && !strings.Contains(nodes, `"Status":"ready"`) {
			err = fmt.Errorf("its client is not ready")
		}
		return err
	})
	return address
}

func nomadBase(data string, ports []int) NomadConfig {
	return NomadConfig(fmt.Sprintf(`
data_dir  = %q
bind_addr = "127.0.0.1"
log_level = "INFO"
ports {
  http = %d
  rpc  = %d
  serf = %d
}
# There is no Consul or Vault to find.
consul {
  client_auto_join    = false
  server_auto_join    = false
  auto_advertise      = false
}
client {
  cni_path         = "/usr/lib/cni"
  min_dynamic_port = 64535
  max_dynamic_port = 65535
  options = {
    # These ask metadata services that are not there, for a minute.
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
  }
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
plugin "docker" {
  config {
    gc {
      image = false
    }
    volumes {
      enabled = false
    }
  }
}
`, data, ports[0], ports[1], ports[2]))
}
