// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// Config bounds what the service accepts and how it works its tables.
type Config struct {
	// Compilers is how many pipelines are fetched and compiled side by side.
	// Default 4.
	Compilers int `hcl:"compilers,optional"`
	// MaxConfig is how many bytes a config sent with a trigger may have.
	// Default 4194304.
	MaxConfig int `hcl:"max_config,optional"`
	// MaxParameters is how many bytes the pipeline parameters of a trigger may
	// have as JSON. Default 262144.
	MaxParameters int `hcl:"max_parameters,optional"`
	// MaxTries is after how many failures, other than a peer that is away, a
	// pipeline ends as errored. Default 8.
	MaxTries int `hcl:"max_tries,optional"`
	// Poll is how long work may lie when a hint was lost. Default "5s".
	Poll time.Duration `hcl:"poll,optional"`
	// Lease is how long a claimed row belongs to one process. Default "10s".
	Lease time.Duration `hcl:"lease,optional"`
	// ContinueWithin is how long after its start a setup workflow may continue its
	// pipeline. Default "6h".
	ContinueWithin time.Duration `hcl:"continue_within,optional"`
	// Keep is how old a pipeline is before it is removed, once workflows has
	// removed its workflows; 0 is for ever. Default "4320h", 180 days.
	Keep time.Duration `hcl:"keep,optional"`
	// KeepBundles is how long an uploaded source is kept after its last pipeline
	// has ended; 0 is for ever. Default "720h", 30 days.
	KeepBundles time.Duration `hcl:"keep_bundles,optional"`
}

// Default returns the configuration of an installation that sets nothing.
func Default() Config {
	return Config{
		Compilers: 4, MaxConfig: 4 << 20, MaxParameters: 256 << 10, MaxTries: 8,
		Poll: 5 * time.Second, Lease: 10 * time.Second,
		ContinueWithin: 6 * time.Hour,
		Keep:           180 * 24 * time.Hour, KeepBundles: 30 * 24 * time.Hour,
	}
}

// Validate reports the first value that cannot work.
func (c Config) Validate() error {
	for _, bound := range []struct {
		name  string
		value int
	}{
		{"compilers", c.Compilers},
		{"max_config", c.MaxConfig},
		{"max_parameters", c.MaxParameters},
		{"max_tries", c.MaxTries},
	} {
		if bound.value < 1 {
			return core.Errorf(core.CodeInvalid, "pipelines.%s is %d; it must be at least 1", bound.name, bound.value)
		}
	}
	if c.Keep != 0 && c.Keep < time.Hour || c.KeepBundles != 0 && c.KeepBundles < time.Hour {
		return core.Errorf(core.CodeInvalid, "pipelines.keep is %s and pipelines.keep_bundles is %s; use 1h or more, or 0 for ever", c.Keep, c.KeepBundles)
	}
	if c.ContinueWithin <= 0 {
		return core.Errorf(core.CodeInvalid, "pipelines.continue_within is %s; it must be more than 0", c.ContinueWithin)
	}
	if c.Poll <= 0 || c.Lease <= 0 {
		return core.Errorf(core.CodeInvalid, "pipelines.poll is %s and pipelines.lease is %s; both must be more than 0", c.Poll, c.Lease)
	}
	return nil
}
