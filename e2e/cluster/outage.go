// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// KillServer ends Nomad's only server as a crash would.
func (c *Cluster) KillServer(ctx context.Context) error {
	return process{"nomad-server", c.Dir}.stop(ctx, syscall.SIGKILL, 5*time.Second)
}

// StartServer brings it back and returns when it leads again.
func (c *Cluster) StartServer(ctx context.Context) error {
	if err := c.nomadServer(); err != nil {
		return err
	}
	return c.answers(ctx, "nomad-server", NomadAddress+"/v1/status/leader")
}

// StopConsul ends Consul's agent, as its upgrade does.
func (c *Cluster) StopConsul(ctx context.Context) error {
	return process{"consul", c.Dir}.stop(ctx, syscall.SIGTERM, 10*time.Second)
}

// StartConsul brings it back with what it has on disk.
func (c *Cluster) StartConsul(ctx context.Context) error {
	if err := c.consul(); err != nil {
		return err
	}
	return c.answers(ctx, "consul", ConsulAddress+"/v1/status/leader")
}

// SealVault has Vault forget the key to all that it holds.
func (c *Cluster) SealVault(ctx context.Context) error {
	return c.run(ctx, c.bootstrapEnv(), "vault", "operator", "seal")
}

// UnsealVault gives it back. Vault in dev mode tells the key when it starts.
func (c *Cluster) UnsealVault(ctx context.Context) error {
	text, err := os.ReadFile(process{"vault", c.Dir}.log())
	if err != nil {
		return fmt.Errorf("reading Vault's log: %w", err)
	}
	const sign = "Unseal Key: "
	at := strings.LastIndex(string(text), sign)
	if at < 0 {
		return errors.New("Vault's log names no unseal key")
	}
	key, _, _ := strings.Cut(string(text[at+len(sign):]), "\n")
	return c.run(ctx, c.bootstrapEnv(), "vault", "operator", "unseal", strings.TrimSpace(key))
}

// KillPostgres ends PostgreSQL at once, as `pg_ctl stop -m immediate` does: with
// no checkpoint, so that it recovers from its log. Nomad starts it again.
func (c *Cluster) KillPostgres() error {
	text, err := os.ReadFile(filepath.Join(c.Dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("looking for PostgreSQL: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || pid < 2 {
		return fmt.Errorf("PostgreSQL's file names the process %q", first)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		return fmt.Errorf("stopping PostgreSQL (%d): %w", pid, err)
	}
	return nil
}

// Pause stops the processes of a service for so long, as a host does that is
// suspended or has no memory left, and lets them go on, also when ctx has ended.
func (c *Cluster) Pause(ctx context.Context, name string, during time.Duration) error {
	pids, err := c.TaskPIDs(ctx, name)
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		return fmt.Errorf("%s does not run", name)
	}
	signal := func(signal syscall.Signal) error {
		var all error
		for _, text := range pids {
			if pid, err := strconv.Atoi(text); err != nil || pid < 2 {
				all = errors.Join(all, fmt.Errorf("its process is %q", text))
			} else {
				all = errors.Join(all, syscall.Kill(pid, signal))
			}
		}
		return all
	}
	err = signal(syscall.SIGSTOP)
	select {
	case <-ctx.Done():
	case <-time.After(during):
	}
	if err := errors.Join(err, signal(syscall.SIGCONT)); err != nil {
		return fmt.Errorf("pausing %s: %w", name, err)
	}
	return ctx.Err()
}

// Upgrade submits the job file of a service with other variables, and returns
// when Nomad's deployment has ended well.
func (c *Cluster) Upgrade(ctx context.Context, name string, extra ...string) error {
	args := append([]string{"job", "run"}, c.variables(name)...)
	args = append(args, extra...)
	return c.run(ctx, c.NomadEnv(), "nomad", append(args, "jobs/"+name+".nomad.hcl")...)
}

// Processes returns the processes of all control services, by service: whoever
// was restarted has others.
func (c *Cluster) Processes(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for _, name := range Services {
		pids, err := c.TaskPIDs(ctx, name)
		if err != nil {
			return nil, err
		}
		all[name] = strings.Join(pids, " ")
	}
	return all, nil
}
