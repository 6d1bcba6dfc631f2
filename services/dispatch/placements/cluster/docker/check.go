// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// checkTimeout bounds one look at the engine.
const checkTimeout = 10 * time.Second

// ours lists the containers of this site.
func (c *Cluster) ours(ctx context.Context) ([]container.Summary, error) {
	list, err := c.engine.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", labelSite+"="+c.cfg.site()),
	})
	return list.Items, err
}

// check notices primary containers that have ended. An engine that does not
// answer says nothing about them.
func (c *Cluster) check(ctx context.Context, ids []core.AttemptID) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	containers, err := c.ours(ctx)
	if err != nil {
		c.deps.Logger.Debug("the Docker engine does not answer", "error", err)
		return
	}
	primaries := map[core.AttemptID]container.Summary{}
	for _, s := range containers {
		if s.Labels[labelIndex] == "0" {
			primaries[core.AttemptID(s.Labels[labelAttempt])] = s
		}
	}
	for _, id := range ids {
		s, ok := primaries[id]
		switch {
		case !ok:
			c.end(id, cluster.Lost, "the container was removed")
		case s.State == container.StateExited || s.State == container.StateDead:
			c.autopsy(ctx, id, s.ID)
		}
	}
}

// autopsy says how the agent's container ended.
func (c *Cluster) autopsy(ctx context.Context, id core.AttemptID, containerID string) {
	found, err := c.engine.ContainerInspect(ctx, containerID, client.ContainerInspectOptions{})
	if err != nil || found.Container.State == nil {
		c.deps.Logger.Debug("the Docker engine does not answer", "error", err)
		return
	}
	state := found.Container.State
	kind, reason := cluster.None, fmt.Sprintf("the agent ended with exit status %d", state.ExitCode)
	switch {
	case state.OOMKilled && state.ExitCode == 137:
		kind, reason = cluster.Memory, "the container was killed for its use of memory"
	case state.ExitCode == 137 || state.ExitCode == 143:
		kind, reason = cluster.Killed, fmt.Sprintf("the container was ended by signal %d", state.ExitCode-128)
	case state.Error != "":
		kind, reason = cluster.Start, state.Error
	}
	c.end(id, kind, reason)
}

// How long services and the job's own engine may take to end, in seconds. The
// engine ends what runs in it.
const (
	serviceGrace = 2
	engineGrace  = 5
)

// stopRest ends what runs beside an agent that has ended: a job's engine at
// once, so that the next job of the project can have its layers. The containers
// go when the run is purged.
func (c *Cluster) stopRest(ctx context.Context, r record) {
	for i := r.last(); i > 0; i-- {
		grace := serviceGrace
		if i == len(r.Images) {
			grace = engineGrace
		}
		_, err := c.engine.ContainerStop(ctx, c.name(r.Attempt, i), client.ContainerStopOptions{Timeout: &grace})
		if err != nil && !errdefs.IsNotFound(err) {
			if ctx.Err() == nil {
				c.deps.Logger.Warn("stopping what ran beside a job failed, trying again", "attempt_id", r.Attempt, "error", err)
				pause(ctx, time.Second)
			}
			return
		}
	}
	c.change(r.Attempt, func(r *record) { r.Stopped = true })
}

// purge removes the containers of a run, the agent's politely, and then its
// record.
func (c *Cluster) purge(ctx context.Context, r record) {
	if err := c.tryPurge(ctx, r); err != nil {
		if ctx.Err() == nil {
			c.deps.Logger.Warn("removing containers failed, trying again", "attempt_id", r.Attempt, "error", err)
			pause(ctx, time.Second)
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.remove(r.Attempt); err != nil {
		c.deps.Logger.Warn("failed to remove the state of a run", "attempt_id", r.Attempt, "error", err)
		return
	}
	delete(c.runs, r.Attempt)
	delete(c.logins, r.Attempt)
}

func (c *Cluster) tryPurge(ctx context.Context, r record) error {
	grace := int(c.cfg.StopGrace.Seconds())
	_, err := c.engine.ContainerStop(ctx, c.name(r.Attempt, 0), client.ContainerStopOptions{Timeout: &grace})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("stopping the agent: %w", err)
	}
	for i := range r.last() + 1 {
		_, err := c.engine.ContainerRemove(ctx, c.name(r.Attempt, i), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("removing a container: %w", err)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
