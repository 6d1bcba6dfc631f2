// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// The labels of our containers.
const (
	labelAttempt = "muster.attempt"
	labelSite    = "muster.site"
	labelIndex   = "muster.index" // 0 for the primary container
)

// folder is where the agent lives in the primary container.
const folder = "/muster"

// launch brings a run from its record to running containers. Each step looks
// whether it was taken before, so that it can be repeated after a restart.
func (c *Cluster) launch(ctx context.Context, r record) {
	kind, err := c.tryLaunch(ctx, r)
	switch {
	case err == nil:
		c.forgetLogins(r.Attempt)
		c.change(r.Attempt, func(r *record) { r.Started, r.Doing = true, "" })
	case ctx.Err() != nil: // the next process goes on
	default:
		c.end(r.Attempt, kind, err.Error())
	}
}

func (c *Cluster) tryLaunch(ctx context.Context, r record) (cluster.Kind, error) {
	if kind, err := c.fetch(ctx, r); err != nil {
		return kind, err
	}
	primary, err := c.create(ctx, r, 0, "")
	if err != nil {
		return cluster.Start, err
	}
	if err := c.equip(ctx, r, primary); err != nil {
		return cluster.Start, err
	}
	if err := c.start(ctx, primary, r.Images[0].Image); err != nil {
		return cluster.Start, err
	}
	for i := 1; i < len(r.Images); i++ {
		// A service lives in the primary container's network, which has to run.
		id, err := c.create(ctx, r, i, primary)
		if err != nil {
			return cluster.Start, err
		}
		if err := c.start(ctx, id, r.Images[i].Image); err != nil {
			return cluster.Start, err
		}
	}
	if err := c.startEngine(ctx, r, primary); err != nil {
		return cluster.Start, err
	}
	return cluster.None, nil
}

func (c *Cluster) name(id core.AttemptID, index int) string {
	return "muster-" + string(id) + "-" + strconv.Itoa(index)
}

// create makes a container; one of that name is ours from an earlier try.
func (c *Cluster) create(ctx context.Context, r record, index int, primary string) (string, error) {
	cfg, host := c.shape(r, index, primary)
	return c.createOf(ctx, c.name(r.Attempt, index), r.Images[index].Image, cfg, host)
}

func (c *Cluster) createOf(ctx context.Context, name, image string, cfg *container.Config, host *container.HostConfig) (string, error) {
	options := client.ContainerCreateOptions{Name: name, Config: cfg, HostConfig: host}
	made, err := c.engine.ContainerCreate(ctx, options)
	if err == nil {
		return made.ID, nil
	}
	if !errdefs.IsConflict(err) {
		return "", fmt.Errorf("creating the container of %s: %w", image, err)
	}
	found, err := c.engine.ContainerInspect(ctx, options.Name, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("finding the container of %s: %w", image, err)
	}
	return found.Container.ID, nil
}

// serviceShares is the weight of a service's processor time, as in the template
// of the jobs on Nomad.
const serviceShares = 100

func (c *Cluster) shape(r record, index int, primary string) (*container.Config, *container.HostConfig) {
	image := r.Images[index]
	cfg := &container.Config{
		Image: image.Image, User: image.User, Entrypoint: image.Entrypoint, Cmd: image.Command,
		Labels: map[string]string{labelAttempt: string(r.Attempt), labelSite: c.cfg.site(), labelIndex: strconv.Itoa(index)},
	}
	for _, v := range image.Environment {
		cfg.Env = append(cfg.Env, v.Name+"="+v.Value)
	}
	limit := c.cfg.PidsLimit
	host := &container.HostConfig{CapDrop: []string{"NET_RAW"}}
	host.PidsLimit = &limit
	if index > 0 {
		host.NetworkMode = container.NetworkMode("container:" + primary)
		host.Memory = max(256, int64(r.Class.Memory)/8) << 20
		host.MemorySwap = host.Memory
		host.CPUShares = serviceShares
		host.ShmSize = sharedMemory(host.Memory)
		return cfg, host
	}
	if r.Engine != "" {
		cfg.Env = append(cfg.Env, wire.EnvEngine+"="+engineAddress, wire.EnvLayers+"="+strconv.FormatBool(r.Layers != ""))
	}
	cfg.Entrypoint, cfg.Cmd = []string{folder + "/muster-agent"}, nil
	cfg.Env = append(cfg.Env,
		wire.EnvOutputURL+"="+strings.Join(c.cfg.OutputURLs, ","),
		wire.EnvIdentityFile+"="+folder+"/identity/token",
		wire.EnvSpoolDir+"="+folder+"/spool",
	)
	if c.cfg.BaseURL != "" {
		cfg.Env = append(cfg.Env, "MUSTER_BASE_URL="+c.cfg.BaseURL)
	}
	if c.cfg.APIURL != "" {
		cfg.Env = append(cfg.Env, wire.EnvAPIURL+"="+c.cfg.APIURL)
	}
	if c.cfg.Bundle != "" {
		cfg.Env = append(cfg.Env, wire.EnvBundle+"="+folder+"/bundle.pem")
	}
	publishSSH(cfg, host, r.SSHPort)
	host.Memory = int64(r.Class.Memory) << 20
	host.MemorySwap = host.Memory // no swap on top
	host.ShmSize = sharedMemory(host.Memory)
	// A share and not a quota: the class says who yields when the machine is
	// full, and one that has room to spare should use it.
	host.CPUShares = max(2, int64(r.Class.CPU))
	host.ExtraHosts = []string{HostName + ":host-gateway"}
	for _, other := range r.Images {
		if other.Name != "" {
			host.ExtraHosts = append(host.ExtraHosts, other.Name+":127.0.0.1")
		}
	}
	return cfg, host
}

// sharedMemory is the size of /dev/shm, which counts as the container's memory:
// half of it, since browsers and databases do not live with Docker's 64 MiB.
func sharedMemory(memory int64) int64 { return max(64<<20, memory/2) }

// equip copies the agent and its identity into the container. Whoever the
// image's user is must be able to read and run them, and to fill the spool.
func (c *Cluster) equip(ctx context.Context, r record, id string) error {
	token, err := c.deps.Issuer.Issue(workload.Claims{
		JobID: string(r.Attempt), AllocationID: r.Allocation, Task: "agent", Namespace: "default",
	}, c.cfg.IdentityTTL)
	if err != nil {
		return fmt.Errorf("issuing the identity: %w", err)
	}
	return c.copyAgent(ctx, id, token)
}

// copyAgent copies the agent into a container that has not been started, with
// its identity where it has one.
func (c *Cluster) copyAgent(ctx context.Context, id, token string) error {
	agent, err := os.Open(c.cfg.Agent)
	if err != nil {
		return fmt.Errorf("opening the agent: %w", err)
	}
	defer agent.Close()
	info, err := agent.Stat()
	if err != nil {
		return fmt.Errorf("opening the agent: %w", err)
	}
	var bundle []byte
	if c.cfg.Bundle != "" {
		if bundle, err = os.ReadFile(c.cfg.Bundle); err != nil {
			return fmt.Errorf("reading the authorities that builds trust: %w", err)
		}
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(pack(writer, agent, info.Size(), token, bundle)) }()
	defer reader.Close()
	if _, err := c.engine.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: "/", Content: reader}); err != nil {
		return fmt.Errorf("copying the agent into the container: %w", err)
	}
	return nil
}

func pack(w io.Writer, agent io.Reader, size int64, token string, bundle []byte) error {
	archive := tar.NewWriter(w)
	name := strings.TrimPrefix(folder, "/")
	for _, entry := range []struct {
		header  tar.Header
		content io.Reader
	}{
		{tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}, nil},
		{tar.Header{Typeflag: tar.TypeDir, Name: name + "/spool/", Mode: 0o777}, nil},
		// Whoever the agent is, it removes the token once it has been used.
		{tar.Header{Typeflag: tar.TypeDir, Name: name + "/identity/", Mode: 0o777}, nil},
		{tar.Header{Typeflag: tar.TypeReg, Name: name + "/identity/token", Mode: 0o644, Size: int64(len(token))}, bytes.NewReader([]byte(token))},
		{tar.Header{Typeflag: tar.TypeReg, Name: name + "/bundle.pem", Mode: 0o644, Size: int64(len(bundle))}, bytes.NewReader(bundle)},
		{tar.Header{Typeflag: tar.TypeReg, Name: name + "/muster-agent", Mode: 0o755, Size: size}, agent},
	} {
		if token == "" && strings.Contains(entry.header.Name, "/identity/") {
			continue
		}
		if err := archive.WriteHeader(&entry.header); err != nil {
			return err
		}
		if entry.content == nil {
			continue
		}
		if _, err := io.Copy(archive, entry.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// start starts a container; one that runs or has run is left as it is.
func (c *Cluster) start(ctx context.Context, id, image string) error {
	found, err := c.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("looking at the container of %s: %w", image, err)
	}
	if state := found.Container.State; state != nil && state.Status != container.StateCreated {
		return nil
	}
	if _, err := c.engine.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("starting the container of %s: %w", image, err)
	}
	return nil
}
