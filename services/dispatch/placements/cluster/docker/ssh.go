// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// freePort returns a port that was free on loopback a moment ago. It is chosen
// here and not by the engine, because the agent shows it before anything could
// ask the engine; somebody who takes it meanwhile makes the start fail, which is
// another attempt.
func freePort(ctx context.Context) (uint16, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, core.Errorf(core.CodeUnavailable, "looking for a free port: %w", err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("the address %s has no port", listener.Addr())
	}
	return uint16(address.Port), nil
}

// publishSSH makes a port of the container one of the host's loopback, and has
// the agent listen there.
func publishSSH(cfg *container.Config, host *container.HostConfig, port uint16) {
	if port == 0 {
		return
	}
	number := strconv.Itoa(int(port))
	inside := network.MustParsePort(number + "/tcp")
	cfg.ExposedPorts = network.PortSet{inside: {}}
	host.PortBindings = network.PortMap{inside: {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: number}}}
	cfg.Env = append(cfg.Env, wire.EnvSSHListen+"=:"+number, wire.EnvSSHAddress+"=127.0.0.1:"+number)
}
