// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// engineImage is for setup_remote_docker: a Docker engine and its command line
// out of this machine's own packages, since there may be no registry to pull
// docker:dind from.
const engineImage = "muster-engine:local"

// enginePrograms are what dockerd runs, on Debian in docker.io and iptables.
var enginePrograms = []string{"docker", "dockerd", "containerd", "containerd-shim-runc-v2", "runc", "docker-init", "docker-proxy", "iptables", "ip6tables"}

// engine builds the image. Like docker:dind it keeps its data in a volume.
func (c *Cluster) engine(ctx context.Context) error {
	dir := filepath.Join(c.Dir, "engine")
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		return fmt.Errorf("making the engine's folder: %w", err)
	}
	libraries := map[string]bool{}
	for _, name := range enginePrograms {
		path, err := exec.LookPath(name)
		if err != nil {
			return fmt.Errorf("finding %s (on Debian: apt-get install docker.io iptables): %w", name, err)
		}
		if err := c.run(ctx, nil, "cp", "--dereference", path, filepath.Join(root, "bin", name)); err != nil {
			return err
		}
		listed, err := c.output(ctx, nil, "ldd", path)
		if err != nil {
			continue // it is linked statically, which ldd calls a failure
		}
		for _, word := range strings.Fields(string(listed)) {
			libraries[word] = strings.HasPrefix(word, "/")
		}
	}
	plugins, err := filepath.Glob("/usr/lib/*/xtables/*.so")
	if err != nil {
		return fmt.Errorf("finding the parts of iptables: %w", err)
	}
	for _, path := range plugins {
		libraries[path] = true
	}
	for path, isPath := range libraries {
		if !isPath {
			continue
		}
		if err := c.run(ctx, nil, "cp", "--dereference", "--parents", path, root); err != nil {
			return err
		}
	}
	dockerfile := "FROM muster-busybox:local\nCOPY root /\nVOLUME /var/lib/docker\nENV PATH=/bin HOME=/root\nCMD [\"dockerd\", \"--host=tcp://127.0.0.1:2375\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return fmt.Errorf("writing the engine's Dockerfile: %w", err)
	}
	if err := c.run(ctx, nil, "docker", "--host", c.dockerHost, "build", "--quiet", "--tag", engineImage, dir); err != nil {
		return err
	}
	c.say("%-14s built %s", "image", engineImage)
	return nil
}
