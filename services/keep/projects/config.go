// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// Config of the projects service.
type Config struct {
	// DefaultBranch of a project that names none. Default: main.
	DefaultBranch string `hcl:"default_branch,optional"`
	// MaxVariables is how many environment variables one project may have.
	// Default: 500.
	MaxVariables int `hcl:"max_variables,optional"`
	// LocalRepositories lets a project name a folder of the server as its
	// repository. Whoever may create projects can then read every git
	// repository that the services can. Default: false.
	LocalRepositories bool `hcl:"local_repositories,optional"`
	// MaxJobTimeLimit is the most that a project or an organization may set as
	// its job time limit. Default: 24h.
	MaxJobTimeLimit time.Duration `hcl:"max_job_time_limit,optional"`
}

// Default returns the configuration that needs no file.
func Default() Config {
	return Config{DefaultBranch: "main", MaxVariables: 500, MaxJobTimeLimit: 24 * time.Hour}
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	if err := validBranch(c.DefaultBranch); err != nil {
		return core.Errorf(core.CodeInvalid, "projects.default_branch: %w", err)
	}
	if c.MaxVariables < 1 {
		return core.Errorf(core.CodeInvalid, "projects.max_variables is %d; it must be at least 1", c.MaxVariables)
	}
	if c.MaxJobTimeLimit < leastTimeLimit {
		return core.Errorf(core.CodeInvalid, "projects.max_job_time_limit is %s; it must be at least %s", c.MaxJobTimeLimit, leastTimeLimit)
	}
	return nil
}
