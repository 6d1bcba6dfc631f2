// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// Config is what an operator decides about the queue.
type Config struct {
	// DefaultConcurrency is how many tasks of an organization run at once when
	// the organization has no limit of its own. Default: 80.
	DefaultConcurrency int `hcl:"default_concurrency,optional"`

	// MaxAttempts is how often a task is tried when the infrastructure lets it
	// down, the first try included. Default: 3.
	MaxAttempts int `hcl:"max_attempts,optional"`

	// InFlight is how many attempts a pool may have on their way: released, and
	// not running yet. It keeps the cluster's scheduler from holding a pile of
	// blocked evaluations. A pool block overrides it. Default: 32.
	InFlight int `hcl:"in_flight,optional"`

	// Limit is how many attempts of a pool may be released at once, running
	// ones included; 0 leaves that to the cluster. A pool block overrides it.
	// Default: 0.
	Limit int `hcl:"limit,optional"`

	// Pools are node pools with bounds of their own.
	Pools []Pool `hcl:"pool,block"`

	// SerialWait is how long a job waits for its serial group before it is
	// canceled. Default: 5h.
	SerialWait time.Duration `hcl:"serial_wait,optional"`

	// Keep is how long an ended task is remembered, so that a repeated
	// hand-over of it is recognized. Default: 168h.
	Keep time.Duration `hcl:"keep,optional"`
}

// Pool bounds one node pool.
type Pool struct {
	Name string `hcl:"name,label"`
	// InFlight overrides Config.InFlight; 0 keeps it.
	InFlight int `hcl:"in_flight,optional"`
	// Limit overrides Config.Limit; 0 keeps it.
	Limit int `hcl:"limit,optional"`
}

// Default returns what an operator gets who decides nothing.
func Default() Config {
	return Config{DefaultConcurrency: 80, MaxAttempts: 3, InFlight: 32, SerialWait: 5 * time.Hour, Keep: 7 * 24 * time.Hour}
}

// Validate tells what is wrong with c in words for the operator.
func (c Config) Validate() error {
	switch {
	case c.DefaultConcurrency < 1:
		return core.Errorf(core.CodeInvalid, "queue: default_concurrency is %d; no task could ever run, use 1 or more", c.DefaultConcurrency)
	case c.MaxAttempts < 1 || c.MaxAttempts > 10:
		return core.Errorf(core.CodeInvalid, "queue: max_attempts is %d; use 1 to 10", c.MaxAttempts)
	case c.InFlight < 1:
		return core.Errorf(core.CodeInvalid, "queue: in_flight is %d; no task could ever run, use 1 or more", c.InFlight)
	case c.Limit < 0:
		return core.Errorf(core.CodeInvalid, "queue: limit is %d; use 0 for none", c.Limit)
	case c.SerialWait < time.Second:
		return core.Errorf(core.CodeInvalid, "queue: serial_wait is %s; use 1s or more", c.SerialWait)
	case c.Keep < time.Hour:
		return core.Errorf(core.CodeInvalid, "queue: keep is %s; a hand-over may be repeated for longer, use 1h or more", c.Keep)
	}
	seen := map[string]bool{}
	for _, p := range c.Pools {
		if p.Name == "" || seen[p.Name] {
			return core.Errorf(core.CodeInvalid, "queue: pool %q is named twice or not at all", p.Name)
		}
		if p.InFlight < 0 || p.Limit < 0 {
			return core.Errorf(core.CodeInvalid, "queue: pool %q has a negative bound; leave it out instead", p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

// withDefaults fills in what is zero and has a default that is not.
func (c Config) withDefaults() Config {
	d := Default()
	if c.DefaultConcurrency == 0 {
		c.DefaultConcurrency = d.DefaultConcurrency
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = d.MaxAttempts
	}
	if c.InFlight == 0 {
		c.InFlight = d.InFlight
	}
	if c.SerialWait == 0 {
		c.SerialWait = d.SerialWait
	}
	if c.Keep == 0 {
		c.Keep = d.Keep
	}
	return c
}

// bounds returns the bounds of a pool; a limit of 0 is none.
func (c Config) bounds(pool string) (inFlight, limit int) {
	inFlight, limit = c.InFlight, c.Limit
	for _, p := range c.Pools {
		if p.Name != pool {
			continue
		}
		if p.InFlight > 0 {
			inFlight = p.InFlight
		}
		if p.Limit > 0 {
			limit = p.Limit
		}
	}
	return inFlight, limit
}
