// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/hcl/jobspec"
)

// carriersKept is how long an answer of Nomad's about its clients is used. An
// answer that is too old costs speed or, where the last client that carried the
// agent has gone, a wait with Nomad's reason; never a build with another agent:
// the job's constraint sees to that.
const carriersKept = 15 * time.Second

// carriers knows in which node pools every client carries our agent. A pool of
// which only some do gets the archive: a job that is tied to those few would
// wait while others idle.
type carriers struct {
	client  *api.Client
	version string
	now     func() time.Time

	mu    sync.Mutex
	pools map[string]census
}

// census counts the clients of a pool that may be given work.
type census struct {
	at           time.Time
	all, carry   int
	worthKnowing bool // the answer differs from the one before
}

func (c census) everywhere() bool { return c.all > 0 && c.all == c.carry }

// in returns the census of a pool, asking Nomad when what is known is old.
func (c *carriers) in(ctx context.Context, pool string) (census, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, asked := c.pools[pool]
	if asked && c.now().Sub(before.at) < carriersKept {
		before.worthKnowing = false
		return before, nil
	}
	filter := `Status == "ready" and SchedulingEligibility == "eligible"`
	if pool != api.NodePoolAll {
		filter += fmt.Sprintf(" and NodePool == %q", pool)
	}
	found := census{at: c.now()}
	for _, count := range []struct {
		into   *int
		filter string
	}{
		{&found.all, filter},
		{&found.carry, filter + fmt.Sprintf(" and %q in Meta and Meta.%s contains %q", jobspec.AgentMeta, jobspec.AgentMeta, c.version)},
	} {
		nodes, _, err := c.client.Nodes().List((&api.QueryOptions{Filter: count.filter}).WithContext(ctx))
		if err != nil {
			return census{}, fmt.Errorf("asking which clients carry the agent: %w", err)
		}
		*count.into = len(nodes)
	}
	found.worthKnowing = !asked || found.all != before.all || found.carry != before.carry
	c.pools[pool] = found
	return found, nil
}

// render makes the job of an attempt: with the agent that clients carry where
// all that may run the job do, and with the archive otherwise. It tells whether
// there was that choice, and the first was taken.
func (c *Cluster) render(ctx context.Context, template *jobspec.Template, in jobspec.Input) (job *api.Job, carried bool, err error) {
	if c.cfg.Agent.Source == "" || c.cfg.Agent.Path == "" {
		in.Agent = c.cfg.Agent
		job, err = template.Render(in)
		return job, false, err
	}
	in.Agent = jobspec.Agent{Path: c.cfg.Agent.Path, Version: c.cfg.Agent.Version}
	if job, err = template.Render(in); err != nil {
		return nil, false, err
	}
	pool := api.NodePoolDefault
	if job.NodePool != nil && *job.NodePool != "" {
		pool = *job.NodePool
	}
	found, err := c.carriers.in(ctx, pool)
	if err != nil {
		c.deps.Logger.Warn("cannot tell which clients carry the agent, builds download it", "node_pool", pool, "error", err)
	} else if found.worthKnowing {
		c.deps.Logger.Info("counted the clients that carry the agent; builds download it unless all do",
			"node_pool", pool, "clients", found.all, "carry", found.carry, "meta", jobspec.AgentMeta, "version", c.carriers.version)
	}
	if found.everywhere() {
		return job, true, nil
	}
	job, err = template.Render(c.withArchive(in))
	return job, false, err
}

func (c *Cluster) withArchive(in jobspec.Input) jobspec.Input {
	in.Agent = jobspec.Agent{Source: c.cfg.Agent.Source, Checksum: c.cfg.Agent.Checksum}
	return in
}
