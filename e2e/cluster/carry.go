// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"path/filepath"

	"github.com/muster-ci/muster/internal/agentfile"
)

// agentDir is where the client carries agents.
func (c *Cluster) agentDir() string { return filepath.Join(c.Dir, "agents") }

// Carry gives the client the agent of this checkout, and has it announce that.
func (c *Cluster) Carry(ctx context.Context) error {
	version, err := agentfile.Install(filepath.Join(c.Dir, "image", agentfile.Program), c.agentDir())
	if err != nil {
		return err
	}
	if err := c.announce(ctx, "muster_agents="+version); err != nil {
		return err
	}
	c.say("%-14s carries the agent %s", "nomad-client", version)
	return nil
}

// Uncarry has the client announce no agent: builds download it.
func (c *Cluster) Uncarry(ctx context.Context) error {
	return c.announce(ctx, "-unset", "muster_agents")
}

// announce changes the metadata of the client that is always there.
func (c *Cluster) announce(ctx context.Context, change ...string) error {
	id, _, err := c.node(ctx, FirstClient)
	if err != nil {
		return err
	}
	return c.run(ctx, c.NomadEnv(), "nomad", append([]string{"node", "meta", "apply", "-node-id", id}, change...)...)
}
