// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
)

// Config says which Nomad, and what jobs are made of.
type Config struct {
	// API is the address, token and TLS of Nomad; api.DefaultConfig reads them
	// from NOMAD_* in the environment. Needed.
	API *api.Config
	// Namespace holds the jobs of attempts, and nothing else that begins with
	// "m-". Default: "default".
	Namespace string
	// Templates make jobs of attempts, by executor. Needed.
	Templates map[core.ExecutorKind]*jobspec.Template
	// Agent says how the agent comes to an allocation. With both a source and a
	// path the path is used in node pools of which all clients announce the
	// version. Needed.
	Agent jobspec.Agent
	// OutputURLs are the addresses of output as allocations reach it. Needed.
	OutputURLs []string
	// BaseURL is the address of the user interface. Default: none.
	BaseURL string
	// Copies is where clients keep copies. Default: nowhere.
	Copies jobspec.Copies
	// LayersVolume is the host volume for layers of images. Default: none, and
	// nothing is kept.
	LayersVolume string
}

// Deps is what the cluster leans on.
type Deps struct {
	Logger hclog.Logger
	// Images looks at images before their jobs are registered; nil: nobody does,
	// and digests and sizes stay unknown.
	Images Images
}

func (c *Config) complete() error {
	switch {
	case c.API == nil:
		return core.Errorf(core.CodeInvalid, "the Nomad cluster needs the address of Nomad")
	case len(c.Templates) == 0:
		return core.Errorf(core.CodeInvalid, "the Nomad cluster needs the templates of jobs")
	case len(c.OutputURLs) == 0:
		return core.Errorf(core.CodeInvalid, "the Nomad cluster needs the address of output")
	case c.Agent.Source == "" && c.Agent.Path == "":
		return core.Errorf(core.CodeInvalid, "the Nomad cluster needs the agent: the source of its archive, or its path on clients")
	case c.Agent.Source != "" && c.Agent.Checksum == "":
		return core.Errorf(core.CodeInvalid, "the agent's archive needs a checksum")
	case c.Agent.Source != "" && c.Agent.Path != "" && c.Agent.Version == "":
		return core.Errorf(core.CodeInvalid, "an agent that clients may carry needs a version, which they announce")
	}
	if c.Namespace == "" {
		c.Namespace = api.DefaultNamespace
	}
	return nil
}

// NewAt is New for the Nomad at an address with a token, both of which take the
// place of cfg.API; TLS settings come from NOMAD_* in the environment.
func NewAt(address, token string, cfg Config, deps Deps) (*Cluster, error) {
	cfg.API = api.DefaultConfig()
	cfg.API.Address, cfg.API.SecretID = address, token
	return New(cfg, deps)
}
