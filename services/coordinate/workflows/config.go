// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// Config bounds what the service accepts and how it works its tables.
type Config struct {
	// MaxJobs is how many jobs a workflow may have; one with more is stored
	// with status error. Default 20000.
	MaxJobs int `hcl:"max_jobs,optional"`
	// MaxRequirements is how many edges the graph of a workflow may have.
	// Default 1000000.
	MaxRequirements int `hcl:"max_requirements,optional"`
	// MaxParallelism is how many tasks one job may have. Default 1000.
	MaxParallelism int `hcl:"max_parallelism,optional"`
	// HandoverBatch is how many tasks travel to the queue in one call.
	// Default 500.
	HandoverBatch int `hcl:"handover_batch,optional"`
	// Poll is how long work may lie when a hint was lost. Default "5s".
	Poll time.Duration `hcl:"poll,optional"`
	// Lease is how long a claimed hand-over belongs to one process. Default
	// "10s".
	Lease time.Duration `hcl:"lease,optional"`
	// ReasonTimeout is how long a reader waits for the queue to say why tasks
	// wait, before it gets an answer without. Default "300ms".
	ReasonTimeout time.Duration `hcl:"reason_timeout,optional"`
	// Keep is how long the workflows of a pipeline are kept after the last of
	// them has ended; 0 is for ever. Default "4320h", 180 days.
	Keep time.Duration `hcl:"keep,optional"`
	// ApprovalTimeout is how long a job waits for approval before it ends as
	// canceled; 0 is for ever. Default "2160h", 90 days.
	ApprovalTimeout time.Duration `hcl:"approval_timeout,optional"`
}

// Default returns the configuration of an installation that sets nothing.
func Default() Config {
	return Config{
		MaxJobs:         20_000,
		MaxRequirements: 1_000_000,
		MaxParallelism:  1000,
		HandoverBatch:   500,
		Poll:            5 * time.Second,
		Lease:           10 * time.Second,
		ReasonTimeout:   300 * time.Millisecond,
		Keep:            180 * 24 * time.Hour,
		ApprovalTimeout: 90 * 24 * time.Hour,
	}
}

// Validate reports the first value that cannot work.
func (c Config) Validate() error {
	for _, bound := range []struct {
		name  string
		value int
	}{
		{"max_jobs", c.MaxJobs},
		{"max_requirements", c.MaxRequirements},
		{"max_parallelism", c.MaxParallelism},
		{"handover_batch", c.HandoverBatch},
	} {
		if bound.value < 1 {
			return core.Errorf(core.CodeInvalid, "workflows.%s is %d; it must be at least 1", bound.name, bound.value)
		}
	}
	// The queue remembers tasks for a week, and a hand-over may be repeated.
	if c.Keep != 0 && c.Keep < time.Hour || c.ApprovalTimeout != 0 && c.ApprovalTimeout < time.Minute {
		return core.Errorf(core.CodeInvalid, "workflows.keep is %s and workflows.approval_timeout is %s; use 1h and 1m or more, or 0 for ever", c.Keep, c.ApprovalTimeout)
	}
	for _, span := range []struct {
		name  string
		value time.Duration
	}{
		{"poll", c.Poll},
		{"lease", c.Lease},
		{"reason_timeout", c.ReasonTimeout},
	} {
		if span.value <= 0 {
			return core.Errorf(core.CodeInvalid, "workflows.%s is %s; it must be more than 0", span.name, span.value)
		}
	}
	return nil
}
