// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"runtime"
	"time"

	"github.com/muster-ci/muster/core"
)

// Config of the configs service. Durations are strings such as "30s".
type Config struct {
	// AllowLocalRepositories lets a repository URL be a folder of the server,
	// for embedded mode: a config is then read from any git repository that
	// the process can read. Default: false.
	AllowLocalRepositories bool `hcl:"allow_local_repositories,optional"`
	// FetchTimeout is how long one repository may take. Default: 1m.
	FetchTimeout string `hcl:"fetch_timeout,optional"`
	// MaxConfigBytes is the size of a config, together with its orbs, beyond
	// which it is refused. Twice as many bytes may hold twice as many values,
	// words and lines. Default: 786432 (768 KiB).
	MaxConfigBytes int `hcl:"max_config_bytes,optional"`
	// MaxFetchBytes is how much one fetch may bring over the network, or a
	// bundle hold. Default: 1073741824 (1 GiB).
	MaxFetchBytes int64 `hcl:"max_fetch_bytes,optional"`
	// Fetches is how many repositories are read at a time. Default: 16.
	Fetches int `hcl:"fetches,optional"`
	// Compilations is how many configs are compiled at a time. Default: the
	// number of processors.
	Compilations int `hcl:"compilations,optional"`
	// KeepCompiled is how long a result is remembered; "0s" remembers none.
	// Default: 24h.
	KeepCompiled string `hcl:"keep_compiled,optional"`
	// OrbCacheBytes is about how much memory parsed orbs may take, so that one
	// that many configs use is parsed once. Default: 67108864 (64 MiB).
	OrbCacheBytes int `hcl:"orb_cache_bytes,optional"`
	// TempDir is where repositories are unpacked while they are read. Default:
	// the system's.
	TempDir string `hcl:"temp_dir,optional"`
}

// Default returns the configuration that needs no file.
func Default() Config {
	return Config{
		FetchTimeout: "1m", MaxConfigBytes: 768 << 10, MaxFetchBytes: 1 << 30,
		Fetches: 16, Compilations: runtime.NumCPU(), KeepCompiled: "24h", OrbCacheBytes: 64 << 20,
	}
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	for name, value := range map[string]int64{
		"max_config_bytes": int64(c.MaxConfigBytes), "max_fetch_bytes": c.MaxFetchBytes,
		"fetches": int64(c.Fetches), "compilations": int64(c.Compilations), "orb_cache_bytes": int64(c.OrbCacheBytes),
	} {
		if value < 1 {
			return core.Errorf(core.CodeInvalid, "configs.%s is %d; it must be at least 1", name, value)
		}
	}
	if c.MaxConfigBytes > 64<<20 {
		return core.Errorf(core.CodeInvalid, "configs.max_config_bytes is %d; the most is 67108864", c.MaxConfigBytes)
	}
	if d, err := time.ParseDuration(c.FetchTimeout); err != nil || d <= 0 {
		return core.Errorf(core.CodeInvalid, "configs.fetch_timeout is %q; write a duration such as 1m", c.FetchTimeout)
	}
	if d, err := time.ParseDuration(c.KeepCompiled); err != nil || d < 0 {
		return core.Errorf(core.CodeInvalid, "configs.keep_compiled is %q; write a duration such as 24h", c.KeepCompiled)
	}
	return nil
}

// duration reads a field that Validate has accepted.
func duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return d
}
