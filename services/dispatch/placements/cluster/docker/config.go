// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// HostName is the name by which containers reach the host. Use it in
// Config.OutputURLs.
const HostName = "host.docker.internal"

// Config says where and with what attempts run.
type Config struct {
	// Dir holds a file per attempt. Needed.
	Dir string
	// Host is the engine's address, such as unix:///var/run/docker.sock.
	// Default: DOCKER_HOST, or the engine's own default.
	Host string
	// Agent is the path of the muster-agent binary, for the engine's platform.
	// Needed.
	Agent string
	// OutputURLs are the addresses of output as containers reach it. Needed.
	OutputURLs []string
	// BaseURL is the address of the user interface. Default: none.
	BaseURL string
	// APIURL is the address of the API as containers reach it. Default: BaseURL.
	APIURL string
	// Bundle is a PEM file of the authorities that builds trust. Default: the
	// image's.
	Bundle string
	// StopGrace is how long an agent may take to end after SIGTERM. Default: 20s.
	StopGrace time.Duration
	// IdentityTTL is how long an identity may be used to claim. Default: 24h.
	IdentityTTL time.Duration
	// PidsLimit bounds the processes of a container. Default: 8192.
	PidsLimit int64
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
		return core.Errorf(core.CodeInvalid, "the docker cluster needs a folder")
	case c.Agent == "":
		return core.Errorf(core.CodeInvalid, "the docker cluster needs the path of muster-agent")
	case len(c.OutputURLs) == 0:
		return core.Errorf(core.CodeInvalid, "the docker cluster needs the address of output")
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
	if c.PidsLimit == 0 {
		c.PidsLimit = 8192
	}
	return nil
}

// site tells the containers of one Muster from those of another on the same
// engine.
func (c *Config) site() string {
	sum := sha256.Sum256([]byte(c.Dir))
	return hex.EncodeToString(sum[:8])
}
