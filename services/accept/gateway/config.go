// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/url"
	"time"

	"github.com/muster-ci/muster/core"
)

// Config of the gateway.
type Config struct {
	// URL is where people reach the gateway; links in answers begin with it.
	// Default: http://127.0.0.1:8080.
	URL string `hcl:"url,optional"`
	// RequestsPerSecond is how many requests one user may send for long, and
	// Burst how many at once. Defaults: 150 and 300.
	RequestsPerSecond float64 `hcl:"requests_per_second,optional"`
	Burst             int     `hcl:"burst,optional"`
	// MaxBundle is the most bytes of an uploaded git bundle. Default: 2 GiB.
	MaxBundle int64 `hcl:"max_bundle,optional"`
	// MaxStreams is how many event streams one user may have open. Default: 50.
	MaxStreams int `hcl:"max_streams,optional"`
	// Timeout of a request that is no stream and no upload, such as "30s".
	// Default: 30s.
	Timeout string `hcl:"timeout,optional"`
}

// Default returns the configuration that needs no file.
func Default() Config {
	return Config{
		URL: "http://127.0.0.1:8080", RequestsPerSecond: 150, Burst: 300,
		MaxBundle: 2 << 30, MaxStreams: 50, Timeout: "30s",
	}
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return core.Errorf(core.CodeInvalid, "gateway.url is %q; it must be an http:// or https:// address", c.URL)
	}
	if c.RequestsPerSecond <= 0 || c.Burst < 1 {
		return core.Errorf(core.CodeInvalid, "gateway.requests_per_second and gateway.burst must be positive")
	}
	if c.MaxBundle < 1 || c.MaxStreams < 1 {
		return core.Errorf(core.CodeInvalid, "gateway.max_bundle and gateway.max_streams must be at least 1")
	}
	if d, err := time.ParseDuration(c.Timeout); err != nil || d <= 0 {
		return core.Errorf(core.CodeInvalid, "gateway.timeout is %q; write it like \"30s\"", c.Timeout)
	}
	return nil
}

// timeout is the parsed Timeout of a validated configuration.
func (c Config) timeout() time.Duration {
	d, _ := time.ParseDuration(c.Timeout)
	return d
}
