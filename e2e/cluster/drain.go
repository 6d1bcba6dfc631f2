// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Drain has a client give up its work, as an operator does before maintenance:
// nothing new is placed there, and what runs may go on until the deadline. It
// returns when Nomad has taken it down.
func (c *Cluster) Drain(ctx context.Context, name string, deadline time.Duration) error {
	id, _, err := c.node(ctx, name)
	if err != nil {
		return err
	}
	_, err = c.Nomad(ctx, "node", "drain", "-enable", "-yes", "-detach", "-deadline="+deadline.String(), id)
	return err
}

// AwaitDrained follows a drain until it has ended, which Nomad tells by its own
// blocking queries.
func (c *Cluster) AwaitDrained(ctx context.Context, name string) error {
	id, _, err := c.node(ctx, name)
	if err != nil {
		return err
	}
	_, err = c.Nomad(ctx, "node", "drain", "-monitor", id)
	return err
}

// Undrain ends a drain and lets the client be given new work.
func (c *Cluster) Undrain(ctx context.Context, name string) error {
	id, _, err := c.node(ctx, name)
	if err != nil {
		return err
	}
	_, err = c.Nomad(ctx, "node", "drain", "-disable", "-yes", id)
	return err
}

// NodeOf returns the name of the client on which an attempt that has not ended
// runs, or ran first.
func (c *Cluster) NodeOf(ctx context.Context, attempt string) (string, error) {
	out, err := c.Nomad(ctx, "operator", "api", "/v1/allocations?namespace=muster-builds&filter=JobID==%22"+attempt+"%22")
	if err != nil {
		return "", err
	}
	var allocs []struct {
		NodeName   string
		CreateTime int64
	}
	if err := json.Unmarshal([]byte(out), &allocs); err != nil {
		return "", fmt.Errorf("reading the allocations of %s: %w", attempt, err)
	}
	if len(allocs) == 0 {
		return "", fmt.Errorf("Nomad knows no allocation of %s", attempt)
	}
	first := allocs[0]
	for _, a := range allocs {
		if a.CreateTime < first.CreateTime {
			first = a
		}
	}
	return first.NodeName, nil
}
