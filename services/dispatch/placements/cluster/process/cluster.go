// SPDX-License-Identifier: MPL-2.0

package process

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// look is how often running agents are looked after. Nothing is done while
// there are none.
const look = 100 * time.Millisecond

// killRounds bounds how often the members of a run are killed: each round
// catches what was forked during the one before.
const killRounds = 20

// Cluster implements cluster.Cluster. One process at a time may use a folder.
type Cluster struct {
	cfg   Config
	deps  Deps
	node  string
	ready chan struct{} // closed when the folders were read
	wake  chan struct{} // capacity 1: there is something to look after

	news cluster.News

	mu   sync.Mutex
	runs map[core.AttemptID]*run
}

// run is an attempt that is not purged.
type run struct {
	record
	child             bool // ours to wait for
	purging           bool // Stop was called: the folder goes when the agent has gone
	killedFromOutside bool // by a signal
}

var _ cluster.Cluster = (*Cluster)(nil)

// New checks its arguments and starts nothing. The methods wait until Run has
// read what an earlier process left.
func New(cfg Config, deps Deps) (*Cluster, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	node, err := os.Hostname()
	if err != nil {
		node = "localhost"
	}
	return &Cluster{
		cfg: cfg, deps: deps, node: node, ready: make(chan struct{}), wake: make(chan struct{}, 1),
		runs: map[core.AttemptID]*run{},
	}, nil
}

// Run attaches to the agents of an earlier process and looks after all of them
// until ctx ends. Agents go on without it. It is to be called once.
func (c *Cluster) Run(ctx context.Context) error {
	c.mu.Lock()
	err := c.load()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	close(c.ready)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		if !c.lookAfter() {
			select {
			case <-ctx.Done():
				return nil
			case <-c.wake:
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// lookAfter sees to each run and tells whether there is one to see to again.
func (c *Cluster) lookAfter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	busy := false
	for id, r := range c.runs {
		if !r.Ended && r.PID != 0 {
			busy = true
			c.check(r)
		}
		if r.Ended && r.purging {
			if err := removeFolder(c.folder(id)); err != nil {
				c.deps.Logger.Warn("failed to remove the folder of a run", "attempt_id", id, "error", err)
			}
			delete(c.runs, id)
		}
	}
	return busy
}

// check notices an agent's end, and kills one that does not end when asked.
func (c *Cluster) check(r *run) {
	reason, gone := r.exited()
	if !gone {
		if !r.StopAt.IsZero() && c.deps.Clock().Sub(r.StopAt) > c.cfg.StopGrace {
			c.kill(r)
		}
		return
	}
	// An agent ends its children itself. If it could not, they end here.
	c.kill(r)
	kind := cluster.None
	if r.StopAt.IsZero() && r.killedFromOutside {
		kind = cluster.Killed
	}
	r.end(kind, reason)
	c.publish(r)
}

// exited tells whether the agent is gone, and how it ended as far as that is
// known.
func (r *run) exited() (reason string, gone bool) {
	if !r.child {
		return "the agent's exit status is not known", startOf(r.PID) != r.Start
	}
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(r.PID, &status, syscall.WNOHANG, nil)
	switch {
	case err != nil:
		return "the agent's exit status is not known", true
	case pid == 0:
		return "", false
	case status.Signaled():
		r.killedFromOutside = true
		return fmt.Sprintf("the agent was ended by signal %d (%s)", status.Signal(), status.Signal()), true
	default:
		return fmt.Sprintf("the agent ended with exit status %d", status.ExitStatus()), true
	}
}

// kill ends the agent and everything that came from it.
func (c *Cluster) kill(r *run) {
	leader := r.PID
	if startOf(leader) != r.Start {
		leader = 0 // gone, and its id may be another's by now
	}
	for range killRounds {
		members := membersOf(leader, c.folder(r.Attempt))
		killed := false
		for _, pid := range members {
			if startOf(pid) != "" && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed = true
			}
		}
		if !killed {
			return
		}
	}
}

// publish stores a run's state and tells the watchers.
func (c *Cluster) publish(r *run) {
	if err := c.save(&r.record); err != nil {
		c.deps.Logger.Warn("failed to write the state of a run", "attempt_id", r.Attempt, "error", err)
	}
	c.news.Tell(r.allocation(c.node))
}

// Stop implements cluster.Cluster.
func (c *Cluster) Stop(ctx context.Context, id core.AttemptID) error {
	if err := c.attached(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.runs[id]
	if r == nil {
		return nil
	}
	r.purging = true
	if !r.Ended && r.StopAt.IsZero() {
		r.StopAt = c.deps.Clock()
		if startOf(r.PID) == r.Start {
			_ = syscall.Kill(r.PID, syscall.SIGTERM) // gone by now is as good
		}
		c.publish(r)
	}
	c.poke()
	return nil
}

func (c *Cluster) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// attached waits until the folders were read.
func (c *Cluster) attached(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		return core.Errorf(core.CodeUnavailable, "the process cluster has not started yet: %w", ctx.Err())
	}
}

// List implements cluster.Cluster.
func (c *Cluster) List(ctx context.Context) ([]cluster.Allocation, error) {
	if err := c.attached(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]cluster.Allocation, 0, len(c.runs))
	for _, r := range c.runs {
		if !r.purging {
			list = append(list, r.allocation(c.node))
		}
	}
	slices.SortFunc(list, func(a, b cluster.Allocation) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// Find implements cluster.Cluster.
func (c *Cluster) Find(ctx context.Context, id core.AttemptID) (cluster.Allocation, error) {
	if err := c.attached(ctx); err != nil {
		return cluster.Allocation{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.runs[id]
	if r == nil || r.purging {
		return cluster.Allocation{}, core.Errorf(core.CodeNotFound, "no process runs attempt %s", id)
	}
	return r.allocation(c.node), nil
}

// Watch implements cluster.Cluster.
func (c *Cluster) Watch(ctx context.Context, news func([]cluster.Allocation)) error {
	return c.news.Watch(ctx, news)
}
