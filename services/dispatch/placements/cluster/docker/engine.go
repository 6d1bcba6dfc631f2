// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"context"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// engineAddress is where a job finds the Docker engine of its own: on the
// loopback interface of the network that its containers share, which nobody
// else reaches.
const engineAddress = "tcp://127.0.0.1:2375"

// engineCaps are Docker's own and what an engine needs on top: it makes
// namespaces, mounts, devices and packet filters.
var engineCaps = []string{"SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_CHROOT", "NET_RAW", "MKNOD", "SETFCAP", "AUDIT_WRITE"}

// layersFolder is where such an engine finds what those before it have kept, in
// a volume of this Muster.
const layersFolder = "/var/lib/muster-layers"

// startEngine gives a run the Docker engine that setup_remote_docker asks for.
// It is not privileged and has no device of the client; its data is a volume
// that goes with the container, or with Layers a folder of one that stays. The
// agent's program is its entrypoint.
func (c *Cluster) startEngine(ctx context.Context, r record, primary string) error {
	if r.Engine == "" {
		return nil
	}
	index := len(r.Images)
	cfg := &container.Config{
		Image: r.Engine, Entrypoint: []string{folder + "/muster-agent"}, Cmd: []string{"engine", engineAddress}, Env: []string{"DOCKER_TLS_CERTDIR="},
		Labels: map[string]string{labelAttempt: string(r.Attempt), labelSite: c.cfg.site(), labelIndex: strconv.Itoa(index)},
	}
	host := &container.HostConfig{
		CapAdd: engineCaps, SecurityOpt: []string{"seccomp=unconfined", "apparmor=unconfined"},
		NetworkMode: container.NetworkMode("container:" + primary),
	}
	if r.Layers != "" {
		cfg.Cmd = []string{"engine", "--layers=" + layersFolder + "/" + r.Layers, engineAddress}
		host.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: "muster-layers-" + c.cfg.site(), Target: layersFolder}}
	}
	host.Memory = max(1024, int64(r.Class.Memory)) << 20
	host.CPUShares = max(2, int64(r.Class.CPU))
	id, err := c.createOf(ctx, c.name(r.Attempt, index), r.Engine, cfg, host)
	if err != nil {
		return err
	}
	if err := c.copyAgent(ctx, id, ""); err != nil {
		return err
	}
	return c.start(ctx, id, r.Engine)
}
