// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// What is shown of a container that has ended: its last lines.
const (
	lastLines = "20"
	lastBytes = 8 << 10
)

// look adds to an allocation when its containers started, and how those ended
// that did. An engine that does not answer adds nothing.
func (c *Cluster) look(ctx context.Context, a *cluster.Allocation) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	for i := range a.Containers {
		fact := &a.Containers[i]
		name := c.name(a.Attempt, fact.Index)
		found, err := c.engine.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
		if err != nil || found.Container.State == nil {
			c.deps.Logger.Debug("the Docker engine says nothing of a container", "attempt_id", a.Attempt, "index", fact.Index, "error", err)
			continue
		}
		state := found.Container.State
		if at, err := time.Parse(time.RFC3339Nano, state.StartedAt); err == nil && !at.IsZero() {
			fact.StartedAt = &at
		}
		if state.Status == container.StateExited || state.Status == container.StateDead {
			fact.Exit, fact.Output = &state.ExitCode, c.lastWords(ctx, name)
		}
	}
}

// lastWords returns the end of a container's output, "" when there is none to
// be had.
func (c *Cluster) lastWords(ctx context.Context, name string) string {
	logs, err := c.engine.ContainerLogs(ctx, name, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: lastLines})
	if err != nil {
		return ""
	}
	defer logs.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, io.LimitReader(logs, 1<<20)); err != nil && out.Len() == 0 {
		return ""
	}
	text := out.Bytes()
	return string(bytes.ToValidUTF8(text[max(0, len(text)-lastBytes):], nil))
}
