// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

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

// announce changes the metadata of the only client.
func (c *Cluster) announce(ctx context.Context, change ...string) error {
	nodes, err := c.output(ctx, c.NomadEnv(), "nomad", "node", "status", "-quiet")
	if err != nil {
		return err
	}
	ids := strings.Fields(string(nodes))
	if len(ids) != 1 {
		return fmt.Errorf("looking for the client: Nomad knows %d and not one", len(ids))
	}
	return c.run(ctx, c.NomadEnv(), "nomad", append([]string{"node", "meta", "apply", "-node-id", ids[0]}, change...)...)
}
