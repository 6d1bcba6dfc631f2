// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/secrets"
)

// guard keeps builds from the cluster's ports and the machine's metadata, as the
// operator of a client does.
func (c *Cluster) guard(ctx context.Context) error {
	if err := c.run(ctx, nil, "sh", "-c", filepath.Join(c.Dir, "image", "muster")+" client firewall | sh"); err != nil {
		return err
	}
	c.say("%-14s builds reach no metadata and no port of the cluster's own", "firewall")
	return nil
}

// unguard takes the rules away, where a cluster was ever up.
func (c *Cluster) unguard(ctx context.Context) error {
	muster := filepath.Join(c.Dir, "image", "muster")
	if _, err := os.Stat(muster); err != nil {
		return nil
	}
	return c.run(ctx, nil, "sh", "-c", muster+" client firewall --remove | sh")
}

// DockerHost is the engine that builds run on.
func (c *Cluster) DockerHost() string { return c.dockerHost }

// Token returns the first administrator's token out of Vault.
func (c *Cluster) Token(ctx context.Context) (string, error) {
	vault, err := secrets.NewVault(secrets.VaultConfig{Address: VaultAddress, Token: vaultToken, StoreMount: "muster"})
	if err != nil {
		return "", err
	}
	var values map[string]string
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = poll(wait, 200*time.Millisecond, func() (bool, error) {
		values, err = vault.Get(wait, "services/identity/first-token")
		return err == nil, nil
	})
	if err != nil {
		return "", fmt.Errorf("waiting for the administrator's token: %w", err)
	}
	return values["token"], nil
}

// Client returns a client of the cluster's API with the administrator's rights.
func (c *Cluster) Client(ctx context.Context) (*client.Client, error) {
	token, err := c.Token(ctx)
	if err != nil {
		return nil, err
	}
	return client.New(PublicAddress, token, nil)
}

// Env are the variables with which nomad, vault and consul reach the cluster.
func (c *Cluster) Env() []string { return c.bootstrapEnv() }

// Path is where the tools are that are not on PATH: Muster's and HashiCorp's.
func (c *Cluster) Path() string {
	return strings.Join(append([]string{filepath.Join(c.Dir, "image")}, c.toolDirs...), ":")
}

// Nomad runs the nomad command against the cluster.
func (c *Cluster) Nomad(ctx context.Context, args ...string) (string, error) {
	out, err := c.output(ctx, c.NomadEnv(), "nomad", args...)
	return string(out), err
}

// TaskPIDs returns the processes of a control service's running containers.
func (c *Cluster) TaskPIDs(ctx context.Context, service string) ([]string, error) {
	ids, err := c.containers(ctx, service)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	out, err := c.output(ctx, nil, "docker", append([]string{"--host", c.dockerHost, "inspect", "--format", "{{.State.Pid}}"}, ids...)...)
	return strings.Fields(string(out)), err
}

// containers returns the ids of the running containers of a Nomad task.
func (c *Cluster) containers(ctx context.Context, task string) ([]string, error) {
	out, err := c.output(ctx, nil, "docker", "--host", c.dockerHost, "ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
	if err != nil {
		return nil, err
	}
	var ids []string
	for line := range strings.Lines(string(out)) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, task+"-") { // Nomad calls a container <task>-<allocation>
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Exec runs a command in each running container of a Nomad task, of whichever
// allocation, and returns how many those are.
func (c *Cluster) Exec(ctx context.Context, task string, command ...string) (int, error) {
	ids, err := c.containers(ctx, task)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := c.run(ctx, nil, "docker", append([]string{"--host", c.dockerHost, "exec", id}, command...)...); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// AwaitStopped waits until no container of a Nomad task runs any more.
func (c *Cluster) AwaitStopped(ctx context.Context, task string) error {
	var left []string
	err := poll(ctx, 250*time.Millisecond, func() (bool, error) {
		var err error
		left, err = c.containers(ctx, task)
		return err == nil && len(left) == 0, err
	})
	if err != nil {
		return fmt.Errorf("waiting until no container of %s runs (%v do): %w", task, left, err)
	}
	return nil
}

// IdentityFiles returns the paths on this machine of the build identities that
// Nomad has handed out to allocations that are still there.
func (c *Cluster) IdentityFiles() ([]string, error) {
	return filepath.Glob(filepath.Join(c.Dir, "nomad-client", "alloc", "*", "*", "secrets", "nomad_muster.jwt"))
}
