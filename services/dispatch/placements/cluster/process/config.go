// SPDX-License-Identifier: MPL-2.0

package process

import (
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// Config says where and with what attempts run.
type Config struct {
	// Dir holds the folders of attempts. Needed.
	Dir string
	// Agent is the path of the muster-agent binary. Needed.
	Agent string
	// OutputURLs are the addresses of output, as the agent reaches it. Needed.
	OutputURLs []string
	// BaseURL is the address of the user interface. Default: none.
	BaseURL string
	// Bundle is a PEM file of the authorities that builds trust. Default: the
	// system's.
	Bundle string
	// Environ is what builds see of the environment; Muster's own never is.
	// Default: PATH, the locale, the time zone and proxies of this process.
	Environ []string
	// StopGrace is how long an agent may take to end after SIGTERM before it and
	// all of its children are killed. Default: 20s.
	StopGrace time.Duration
	// IdentityTTL is how long an identity may be used to claim. Default: 24h.
	IdentityTTL time.Duration
}

// Deps is what the cluster leans on.
type Deps struct {
	Logger hclog.Logger
	Clock  core.Clock
	NewID  func() string // of allocations
	Issuer cluster.Issuer
}

func (c *Config) complete() error {
	switch {
	case c.Dir == "":
		return core.Errorf(core.CodeInvalid, "the process cluster needs a folder")
	case c.Agent == "":
		return core.Errorf(core.CodeInvalid, "the process cluster needs the path of muster-agent")
	case len(c.OutputURLs) == 0:
		return core.Errorf(core.CodeInvalid, "the process cluster needs the address of output")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return core.Errorf(core.CodeInvalid, "folder %q: %w", c.Dir, err)
	}
	c.Dir = dir
	if c.StopGrace == 0 {
		c.StopGrace = 20 * time.Second
	}
	if c.IdentityTTL == 0 {
		c.IdentityTTL = 24 * time.Hour
	}
	if c.Environ == nil {
		c.Environ = passed()
	}
	return nil
}

// passed picks from this process's environment what is about the machine and
// not about Muster or its user.
func passed() []string {
	var env []string
	for _, name := range []string{
		"PATH", "LANG", "LC_ALL", "TZ", "SHELL", "USER", "LOGNAME",
		"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
	} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
