// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"cmp"
	"time"

	"github.com/muster-ci/muster/core"
)

// Config of the orbs service. Durations are strings such as "30s".
type Config struct {
	// MaxSourceBytes is the size of an orb's source beyond which it is refused.
	// Default: 786432 (768 KiB).
	MaxSourceBytes int `hcl:"max_source_bytes,optional"`
	// DevLifetime is how long a dev version lives after it was last published.
	// Default: 2160h (90 days).
	DevLifetime string `hcl:"dev_lifetime,optional"`
	// MaxDevVersions is how many dev versions an orb may have at once. Default:
	// 5000.
	MaxDevVersions int `hcl:"max_dev_versions,optional"`
	// KeepSources is how long the source of a dev version or of a URL stays
	// for pipelines that were locked to it, after it was replaced, has expired or
	// was last fetched. Default: 720h (30 days).
	KeepSources string `hcl:"keep_sources,optional"`
	// URLFresh is how long a fetched URL orb is used before it is fetched again.
	// Default: 1m.
	URLFresh string `hcl:"url_fresh,optional"`
	// URLTimeout is how long one fetch may take. Default: 10s.
	URLTimeout string `hcl:"url_timeout,optional"`
	// URLFetches is how many URLs are fetched at a time. Default: 16.
	URLFetches int `hcl:"url_fetches,optional"`
	// URLLoopback lets URL orbs come from this machine itself, over http as
	// well; for trying things out. Default: false.
	URLLoopback bool `hcl:"url_loopback,optional"`
}

// Default returns the configuration that needs no file.
func Default() Config {
	return Config{
		MaxSourceBytes: 768 << 10, DevLifetime: "2160h", MaxDevVersions: 5000, KeepSources: "720h",
		URLFresh: "1m", URLTimeout: "10s", URLFetches: 16,
	}
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	return cmp.Or(
		between("max_source_bytes", c.MaxSourceBytes, 1, 16<<20),
		between("max_dev_versions", c.MaxDevVersions, 1, 1_000_000),
		between("url_fetches", c.URLFetches, 1, 1000),
		atLeast("dev_lifetime", c.DevLifetime, time.Minute),
		atLeast("keep_sources", c.KeepSources, time.Hour),
		atLeast("url_fresh", c.URLFresh, 0),
		atLeast("url_timeout", c.URLTimeout, 100*time.Millisecond),
	)
}

func between(name string, value, least, most int) error {
	if value < least || value > most {
		return core.Errorf(core.CodeInvalid, "orbs.%s is %d; it must be from %d to %d", name, value, least, most)
	}
	return nil
}

func atLeast(name, value string, least time.Duration) error {
	if d, err := time.ParseDuration(value); err != nil || d < least {
		return core.Errorf(core.CodeInvalid, "orbs.%s is %q; write a duration of at least %s", name, value, least)
	}
	return nil
}

// duration reads a field that Validate has accepted.
func duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return d
}
