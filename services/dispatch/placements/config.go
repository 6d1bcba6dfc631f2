// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// Config is what an operator decides about placements.
type Config struct {
	// TimeLimit ends a task that runs for longer, as timed out, where its project
	// and its organization set no limit of their own. Default: 5h.
	TimeLimit time.Duration `hcl:"time_limit,optional"`

	// LimitSlack is what an agent gets on top of the time limit, which it keeps
	// itself, before its allocation is stopped. Default: 5m.
	LimitSlack time.Duration `hcl:"limit_slack,optional"`

	// StopGrace is how long an agent that was asked to stop may take before its
	// allocation is stopped. Default: 30s.
	StopGrace time.Duration `hcl:"stop_grace,optional"`

	// AgentGrace is how long after the end of an allocation the last word of
	// its agent is waited for. Default: 10s.
	AgentGrace time.Duration `hcl:"agent_grace,optional"`

	// ClaimTimeout is how long a running allocation may take to claim its work.
	// Default: 10m.
	ClaimTimeout time.Duration `hcl:"claim_timeout,optional"`

	// PurgeDelay is how long an allocation whose agent has reported its result may
	// take to end, with all containers of the job, before it is removed. It is
	// longer than Nomad gives containers that do not heed SIGTERM: Nomad does not
	// notice that a drain has ended whose last job is removed before its allocation
	// has ended, and goes on to the drain's deadline. Default: 1m.
	PurgeDelay time.Duration `hcl:"purge_delay,optional"`

	// Relist is the time between two full comparisons with the cluster.
	// Default: 45s.
	Relist time.Duration `hcl:"relist,optional"`

	// OrphanAge is how old a run that no row knows must be before it is
	// stopped. Default: 10m.
	OrphanAge time.Duration `hcl:"orphan_age,optional"`

	// SSHForwarding allows forwarding of ports (ssh -L) to jobs that were rerun
	// with SSH. Default: false.
	SSHForwarding bool `hcl:"ssh_forwarding,optional"`

	// SSHIdle is how long such a job waits after its last step, or after the last
	// session. Default: 10m.
	SSHIdle time.Duration `hcl:"ssh_idle,optional"`

	// SSHMost is how long it waits at most, whoever is logged in. Default: 2h.
	SSHMost time.Duration `hcl:"ssh_most,optional"`

	// Parallel is how many calls to the cluster are under way at once.
	// Default: 8.
	Parallel int `hcl:"parallel,optional"`

	// Keep is how long an ended attempt is remembered. Default: 168h.
	Keep time.Duration `hcl:"keep,optional"`

	// Copies says that clients keep copies of parts of caches and workspaces, or
	// layers of images, so that tasks are drawn to where some are. It follows from the block cluster.
	Copies bool

	// Mirrors are pull-through caches by the host of the registry that they
	// stand for, such as { "docker.io" = "cache.example.com/hub" }. Images with a
	// login of their own do not go through them. Default: none.
	Mirrors map[string]string `hcl:"mirrors,optional"`

	// RemoteDocker is the image of the Docker engine that setup_remote_docker
	// gives to a job, such as "docker:28-dind". Default: none, and jobs with that
	// step are refused.
	RemoteDocker string `hcl:"remote_docker,optional"`
}

// Default returns what an operator gets who decides nothing.
func Default() Config {
	return Config{
		TimeLimit: 5 * time.Hour, LimitSlack: 5 * time.Minute, StopGrace: 30 * time.Second, AgentGrace: 10 * time.Second,
		ClaimTimeout: 10 * time.Minute, PurgeDelay: time.Minute, Relist: 45 * time.Second,
		SSHIdle: core.SSHIdle, SSHMost: core.SSHMost,
		OrphanAge: 10 * time.Minute, Parallel: 8, Keep: 7 * 24 * time.Hour,
	}
}

// Validate tells what is wrong with c in words for the operator.
func (c Config) Validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"time_limit", c.TimeLimit, time.Second},
		{"limit_slack", c.LimitSlack, time.Millisecond},
		{"stop_grace", c.StopGrace, time.Millisecond},
		{"agent_grace", c.AgentGrace, time.Millisecond},
		{"claim_timeout", c.ClaimTimeout, time.Second},
		{"purge_delay", c.PurgeDelay, time.Millisecond},
		{"relist", c.Relist, time.Millisecond},
		{"orphan_age", c.OrphanAge, time.Millisecond},
		{"ssh_idle", c.SSHIdle, time.Second},
		{"ssh_most", c.SSHMost, time.Second},
		{"keep", c.Keep, time.Hour},
	} {
		if d.value < d.least {
			return core.Errorf(core.CodeInvalid, "placements: %s is %s; use %s or more", d.name, d.value, d.least)
		}
	}
	if c.Parallel < 1 || c.Parallel > 256 {
		return core.Errorf(core.CodeInvalid, "placements: parallel is %d; use 1 to 256", c.Parallel)
	}
	if err := registry.Mirrors(c.Mirrors).Validate(); err != nil {
		return core.Errorf(core.CodeInvalid, "placements: %w", err)
	}
	return nil
}

func (c Config) withDefaults() Config {
	d := Default()
	for _, f := range []struct{ v, def *time.Duration }{
		{&c.TimeLimit, &d.TimeLimit}, {&c.LimitSlack, &d.LimitSlack}, {&c.StopGrace, &d.StopGrace}, {&c.AgentGrace, &d.AgentGrace},
		{&c.ClaimTimeout, &d.ClaimTimeout}, {&c.PurgeDelay, &d.PurgeDelay}, {&c.Relist, &d.Relist},
		{&c.OrphanAge, &d.OrphanAge}, {&c.Keep, &d.Keep}, {&c.SSHIdle, &d.SSHIdle}, {&c.SSHMost, &d.SSHMost},
	} {
		if *f.v == 0 {
			*f.v = *f.def
		}
	}
	if c.Parallel == 0 {
		c.Parallel = d.Parallel
	}
	return c
}
