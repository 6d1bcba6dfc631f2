// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-ci/muster/internal/bootstrap"
)

// Cluster is one machine's.
type Cluster struct {
	// Dir holds all state: data, logs, process ids.
	Dir string
	// Root is the checkout whose binaries and job files are used.
	Root string
	// Out gets a line of progress per step.
	Out io.Writer

	toolDirs   []string
	dockerHost string
	nomadToken string
	address    string // of this machine, as containers reach it
}

// New returns a cluster in a folder of the checkout; nothing is started.
func New(root, dir string, out io.Writer) (*Cluster, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the cluster's folder: %w", err)
	}
	c := &Cluster{Dir: dir, Root: root, Out: out}
	paths, err := exec.Command(filepath.Join(root, "scripts", "tools.sh"), "--path").Output()
	if err != nil {
		return nil, fmt.Errorf("asking for the tools' folders: %w", err)
	}
	c.toolDirs = filepath.SplitList(strings.Trim(strings.TrimSpace(string(paths)), ":"))
	if token, err := os.ReadFile(filepath.Join(dir, "nomad.token")); err == nil {
		c.nomadToken = string(token)
	}
	c.dockerHost = "unix://" + filepath.Join(dir, "docker.sock")
	return c, nil
}

// Up brings everything up and returns when all control services are healthy.
// On a cluster that is up it brings what has changed.
func (c *Cluster) Up(ctx context.Context) error {
	began := time.Now()
	for _, step := range []func(context.Context) error{
		c.agents, c.images, c.guard, c.nomadACL, c.Carry, c.bootstrap, c.postgres, c.bucket, c.database, c.services,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	c.say("%-14s all up after %.0f s", "cluster", time.Since(began).Seconds())
	return nil
}

// say prints one line of progress.
func (c *Cluster) say(format string, args ...any) { fmt.Fprintf(c.Out, format+"\n", args...) }

// run executes a command in the checkout; what it printed is in the error.
func (c *Cluster) run(ctx context.Context, env []string, name string, args ...string) error {
	_, err := c.output(ctx, env, name, args...)
	return err
}

func (c *Cluster) output(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.tool(name), args...)
	cmd.Dir, cmd.Env = c.Root, append(os.Environ(), env...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("running %s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), problems.String())
	}
	return out.Bytes(), nil
}

// nomadACL makes Nomad's first management token, once.
func (c *Cluster) nomadACL(ctx context.Context) error {
	file := filepath.Join(c.Dir, "nomad.token")
	if token, err := os.ReadFile(file); err == nil {
		c.nomadToken = string(token)
		return nil
	}
	var text []byte
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	// The leader answers before it can bootstrap ACLs.
	err := poll(wait, 500*time.Millisecond, func() (bool, error) {
		var err error
		text, err = c.output(ctx, nil, "nomad", "acl", "bootstrap", "-address="+NomadAddress, "-json")
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("making Nomad's first token: %w", err)
	}
	var token struct{ SecretID string }
	if err := json.Unmarshal(text, &token); err != nil {
		return fmt.Errorf("reading Nomad's first token: %w", err)
	}
	c.nomadToken = token.SecretID
	return os.WriteFile(file, []byte(token.SecretID), 0o600)
}

// NomadEnv are the variables with which the nomad command reaches the cluster.
func (c *Cluster) NomadEnv() []string {
	return []string{"NOMAD_ADDR=" + NomadAddress, "NOMAD_TOKEN=" + c.nomadToken, "NOMAD_NAMESPACE=muster"}
}

func (c *Cluster) bootstrapEnv() []string {
	return append(c.NomadEnv(), "VAULT_ADDR="+VaultAddress, "VAULT_TOKEN="+vaultToken, "CONSUL_HTTP_ADDR="+ConsulAddress)
}

// bootstrap runs `muster bootstrap` for everything but the database.
func (c *Cluster) bootstrap(ctx context.Context) error {
	out, err := c.output(ctx, c.bootstrapEnv(), filepath.Join(c.Dir, "image", "muster"), "bootstrap")
	c.indent(out)
	return err
}

// database makes the services' roles once PostgreSQL answers.
func (c *Cluster) database(ctx context.Context) error {
	secret, err := bootstrap.Superuser(ctx, bootstrap.Config{VaultAddress: VaultAddress, VaultToken: vaultToken, KV: "muster", Out: c.Out})
	if err != nil {
		return err
	}
	url := "postgres://postgres:" + secret + "@127.0.0.1:5432/muster?connect_timeout=5"
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var out []byte
	err = poll(wait, time.Second, func() (bool, error) {
		out, err = c.output(ctx, append(c.bootstrapEnv(), "MUSTER_DATABASE_URL="+url), filepath.Join(c.Dir, "image", "muster"), "bootstrap", "--only=database")
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("preparing the database: %w", err)
	}
	c.indent(out)
	return nil
}

func (c *Cluster) indent(text []byte) {
	for line := range strings.Lines(string(text)) {
		fmt.Fprintf(c.Out, "    %s", line)
	}
}

// Down stops the Nomad jobs, then every process, and removes the data; logs
// stay. It goes on after a failure and reports the first.
func (c *Cluster) Down(ctx context.Context) error {
	var first error
	keep := func(err error) {
		if err != nil && first == nil {
			first = err
		}
	}
	if c.nomadToken != "" {
		keep(c.stopJobs(ctx))
	}
	for _, p := range []struct {
		name string
		sig  syscall.Signal
	}{{"nomad-client-2", syscall.SIGINT}, {"nomad-client", syscall.SIGINT}, {"nomad-server", syscall.SIGINT}, {"vault", syscall.SIGINT}, {"consul", syscall.SIGKILL}, {"bucket", syscall.SIGTERM}, {"dockerd", syscall.SIGTERM}} {
		keep(process{p.name, c.Dir}.stop(ctx, p.sig, 20*time.Second))
		keep(process{p.name, c.Dir}.sweep())
		c.say("%-14s stopped", p.name)
	}
	keep(unmountBelow(c.Dir))
	keep(c.unguard(ctx))
	for _, data := range []string{"consul", "nomad-server", "nomad-client", "nomad-client-2", "nomad.token", "objects", "bucket.key", "postgres", "docker", "docker-exec", "token", "agents", "copies", "layers"} {
		keep(os.RemoveAll(filepath.Join(c.Dir, data)))
	}
	return first
}

// unmountBelow detaches what a client that was killed has left mounted.
func unmountBelow(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Errorf("reading the mounts: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH)
		}
	}
	return nil
}
