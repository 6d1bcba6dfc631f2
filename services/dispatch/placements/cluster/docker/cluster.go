// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// interval is how often running containers are looked after. Nothing is done while
// there are none.
const interval = 250 * time.Millisecond

// Cluster implements cluster.Cluster. One process at a time may use a folder.
type Cluster struct {
	cfg    Config
	deps   Deps
	node   string
	engine *client.Client
	ready  chan struct{} // closed when the records were read
	wake   chan struct{} // capacity 1: there is something to do
	news   cluster.News
	busy   sync.WaitGroup // launches and removals, which Run waits for

	mu      sync.Mutex
	runs    map[core.AttemptID]*record
	working map[core.AttemptID]bool // a launch or removal is under way
	// logins of attempts whose images are not here yet. They are in no record: a
	// new process knows none, and such attempts end, to be tried again.
	logins map[core.AttemptID][]*registry.Login
}

var _ cluster.Cluster = (*Cluster)(nil)

// New checks its arguments; it does not talk to the engine. The methods wait
// until Run has read what an earlier process left.
func New(cfg Config, deps Deps) (*Cluster, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	opts := []client.Opt{client.FromEnv}
	if cfg.Host != "" {
		opts = append(opts, client.WithHost(cfg.Host))
	}
	engine, err := client.New(opts...)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "the address of the Docker engine: %w", err)
	}
	node, err := os.Hostname()
	if err != nil {
		node = "localhost"
	}
	return &Cluster{
		cfg: cfg, deps: deps, node: node, engine: engine, ready: make(chan struct{}), wake: make(chan struct{}, 1),
		runs: map[core.AttemptID]*record{}, working: map[core.AttemptID]bool{}, logins: map[core.AttemptID][]*registry.Login{},
	}, nil
}

// Run goes on with what an earlier process left, and looks after all runs until
// ctx ends. Containers go on without it. It is to be called once.
func (c *Cluster) Run(ctx context.Context) error {
	c.mu.Lock()
	err := c.load()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	close(c.ready)
	defer c.busy.Wait()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if !c.lookAfter(ctx) {
			select {
			case <-ctx.Done():
				return nil
			case <-c.wake:
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-ticker.C:
		}
	}
}

// lookAfter starts what each run needs and tells whether there is one to look
// after again.
func (c *Cluster) lookAfter(ctx context.Context) bool {
	c.mu.Lock()
	var started []core.AttemptID
	again := false
	for id, r := range c.runs {
		switch {
		case c.working[id]:
			again = true
		case r.Purging:
			again = true
			c.work(ctx, id, c.purge)
		case r.Ended && !r.Stopped && r.last() > 0:
			again = true
			c.work(ctx, id, c.stopRest)
		case r.Ended:
		case !r.Started:
			again = true
			c.work(ctx, id, c.launch)
		default:
			again = true
			started = append(started, id)
		}
	}
	c.mu.Unlock()
	if len(started) > 0 {
		c.check(ctx, started)
	}
	return again
}

// work does something for a run beside everything else. The caller holds mu.
func (c *Cluster) work(ctx context.Context, id core.AttemptID, do func(context.Context, record)) {
	c.working[id] = true
	r := *c.runs[id]
	c.busy.Add(1)
	go func() {
		defer c.busy.Done()
		do(ctx, r)
		c.mu.Lock()
		delete(c.working, id)
		c.mu.Unlock()
		c.poke()
	}()
}

func (c *Cluster) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// change updates a record on disk and for the watchers. A run that was removed
// meanwhile stays so.
func (c *Cluster) change(id core.AttemptID, f func(r *record)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.runs[id]
	if r == nil {
		return
	}
	f(r)
	if err := c.save(r); err != nil {
		c.deps.Logger.Warn("failed to write the state of a run", "attempt_id", id, "error", err)
	}
	c.news.Tell(r.allocation(c.node))
}

func (c *Cluster) end(id core.AttemptID, kind cluster.Kind, reason string) {
	c.change(id, func(r *record) {
		if !r.Ended {
			r.Ended, r.Kind, r.Reason = true, kind, reason
		}
	})
}

// Submit implements cluster.Cluster. It asks whether there is an engine, and
// leaves the rest to Run: pulling images can take long.
func (c *Cluster) Submit(ctx context.Context, p cluster.Placement) error {
	if err := c.attached(ctx); err != nil {
		return err
	}
	images := p.Spec.Plan.Executor.Images
	switch {
	case !cluster.IsAttempt(string(p.Attempt.ID)):
		return &cluster.Refusal{Reason: fmt.Sprintf("%q cannot be the name of an attempt", p.Attempt.ID)}
	case len(images) == 0:
		return &cluster.Refusal{Reason: "the job uses the docker executor and names no image"}
	}
	if _, err := c.engine.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		if ctx.Err() != nil {
			return core.Errorf(core.CodeUnavailable, "asking the Docker engine: %w", err)
		}
		return &cluster.Refusal{Reason: c.noEngine()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs[p.Attempt.ID] != nil {
		return nil
	}
	r := &record{Attempt: p.Attempt.ID, Allocation: c.deps.NewID(), Images: images, Class: p.Class, Engine: p.Engine, Layers: p.Layers, Created: c.deps.Clock()}
	if p.Spec.SSH != nil {
		port, err := freePort(ctx)
		if err != nil {
			return err
		}
		r.SSHPort = port
	}
	if err := c.save(r); err != nil {
		return fmt.Errorf("noting the attempt: %w", err)
	}
	c.runs[r.Attempt] = r
	if p.Logins != nil {
		c.logins[r.Attempt] = p.Logins
	}
	c.news.Tell(r.allocation(c.node))
	c.poke()
	return nil
}

func (c *Cluster) noEngine() string {
	return fmt.Sprintf("no Docker engine answers at %s: start dockerd or set DOCKER_HOST, or use the machine executor", c.engine.DaemonHost())
}

// Stop implements cluster.Cluster.
func (c *Cluster) Stop(ctx context.Context, id core.AttemptID) error {
	if err := c.attached(ctx); err != nil {
		return err
	}
	c.change(id, func(r *record) { r.Purging = true })
	c.poke()
	return nil
}

// attached waits until the records were read.
func (c *Cluster) attached(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		return core.Errorf(core.CodeUnavailable, "the docker cluster has not started yet: %w", ctx.Err())
	}
}

// List implements cluster.Cluster.
func (c *Cluster) List(ctx context.Context) ([]cluster.Allocation, error) {
	if err := c.attached(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []cluster.Allocation
	for _, r := range c.runs {
		if !r.Purging {
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
	r := c.runs[id]
	if r == nil || r.Purging {
		c.mu.Unlock()
		return cluster.Allocation{}, core.Errorf(core.CodeNotFound, "no container runs attempt %s", id)
	}
	a := r.allocation(c.node)
	c.mu.Unlock()
	if a.State == cluster.Running {
		c.look(ctx, &a)
	}
	return a, nil
}

// Watch implements cluster.Cluster.
func (c *Cluster) Watch(ctx context.Context, news func([]cluster.Allocation)) error {
	return c.news.Watch(ctx, news)
}
