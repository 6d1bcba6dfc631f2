// SPDX-License-Identifier: MPL-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// What stands in the folder of an attempt.
const (
	identityFile = "identity.jwt"
	spoolFolder  = "spool"
	homeFolder   = "home"
	logFile      = "agent.log"
)

// taskName is the agent's task in the claims of its identity.
const taskName = "agent"

// namespace is the one that local identities carry.
const namespace = "default"

// Submit implements cluster.Cluster. Making the folder decides who starts the
// attempt, and that it is started once.
func (c *Cluster) Submit(ctx context.Context, p cluster.Placement) error {
	if err := c.attached(ctx); err != nil {
		return err
	}
	id := p.Attempt.ID
	if !cluster.IsAttempt(string(id)) || strings.ContainsAny(string(id), "/.") {
		return &cluster.Refusal{Reason: fmt.Sprintf("%q cannot be the name of an attempt", id)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs[id] != nil {
		return nil
	}
	if err := os.Mkdir(c.folder(id), 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return core.Errorf(core.CodeUnavailable, "the folder of %s is being removed", id)
		}
		return fmt.Errorf("making the folder of the attempt: %w", err)
	}
	r := &run{record: record{Attempt: id, Allocation: c.deps.NewID(), Created: c.deps.Clock(), SSH: p.Spec.SSH != nil}}
	c.runs[id] = r
	if err := c.start(r); err != nil {
		r.end(cluster.Start, err.Error())
	}
	c.publish(r)
	c.poke()
	return nil
}

// start makes what the agent needs, notes that it is about to be started, and
// starts it.
func (c *Cluster) start(r *run) error {
	dir := c.folder(r.Attempt)
	for _, name := range []string{spoolFolder, homeFolder} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return fmt.Errorf("preparing the folder: %w", err)
		}
	}
	token, err := c.deps.Issuer.Issue(workload.Claims{
		JobID: string(r.Attempt), AllocationID: r.Allocation, Task: taskName, Namespace: namespace,
	}, c.cfg.IdentityTTL)
	if err != nil {
		return fmt.Errorf("issuing the identity: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, identityFile), []byte(token), 0o600); err != nil {
		return fmt.Errorf("writing the identity: %w", err)
	}
	if err := c.save(&r.record); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the agent's log: %w", err)
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("opening the agent's input: %w", err)
	}
	defer null.Close()
	process, err := os.StartProcess(c.cfg.Agent, []string{c.cfg.Agent}, &os.ProcAttr{
		Dir: filepath.Join(dir, homeFolder), Env: c.environ(dir, r.SSH), Files: []*os.File{null, log, log},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w", c.cfg.Agent, err)
	}
	r.PID, r.child = process.Pid, true
	r.Start = startOf(r.PID)
	// Waiting is done by id, for our own children and those of others alike.
	return process.Release()
}

func (c *Cluster) environ(dir string, ssh bool) []string {
	env := append([]string{}, c.cfg.Environ...)
	env = append(env,
		"HOME="+filepath.Join(dir, homeFolder),
		wire.EnvOutputURL+"="+strings.Join(c.cfg.OutputURLs, ","),
		wire.EnvIdentityFile+"="+filepath.Join(dir, identityFile),
		wire.EnvSpoolDir+"="+filepath.Join(dir, spoolFolder),
	)
	if c.cfg.BaseURL != "" {
		env = append(env, "MUSTER_BASE_URL="+c.cfg.BaseURL)
	}
	if c.cfg.Bundle != "" {
		env = append(env, wire.EnvBundle+"="+c.cfg.Bundle)
	}
	if ssh {
		// The agent chooses a free port itself; nobody else can reach it here.
		env = append(env, wire.EnvSSHListen+"=127.0.0.1:0")
	}
	return env
}
