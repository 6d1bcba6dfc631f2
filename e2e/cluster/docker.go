// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// docker uses the engine that answers on this machine, and starts one of its
// own where none does.
func (c *Cluster) docker(ctx context.Context) error {
	for _, host := range []string{os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"} {
		if host != "" && c.engineAnswers(ctx, host) {
			c.dockerHost = host
			c.say("%-14s uses the engine at %s", "docker", host)
			return nil
		}
	}
	c.dockerHost = "unix://" + filepath.Join(c.Dir, "docker.sock")
	started := time.Now()
	err := process{"dockerd", c.Dir}.start(nil, c.tool("dockerd"), "--host="+c.dockerHost,
		"--data-root="+filepath.Join(c.Dir, "docker"), "--exec-root="+filepath.Join(c.Dir, "docker-exec"),
		"--pidfile="+filepath.Join(c.Dir, "docker.pid"))
	if err != nil {
		return fmt.Errorf("no Docker engine answers and none could be started (on Debian: apt-get install docker.io iptables): %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := poll(wait, 200*time.Millisecond, func() (bool, error) { return c.engineAnswers(ctx, c.dockerHost), nil }); err != nil {
		return fmt.Errorf("waiting for dockerd (its log: %s): %w", process{"dockerd", c.Dir}.log(), err)
	}
	c.say("%-14s answers after %.1f s", "dockerd", time.Since(started).Seconds())
	return nil
}

func (c *Cluster) engineAnswers(ctx context.Context, host string) bool {
	return exec.CommandContext(ctx, "docker", "--host", host, "version", "--format", "{{.Server.Version}}").Run() == nil
}

// images builds what runs on the cluster, from scratch: Muster itself, the
// container that holds a build's network namespace, and a small build image.
func (c *Cluster) images(ctx context.Context) error {
	if err := c.binaries(ctx); err != nil {
		return err
	}
	context := filepath.Join(c.Dir, "image")
	if err := c.run(ctx, nil, "tar", "-C", context, "-czf", filepath.Join(context, "muster-agent.tar.gz"), "muster-agent"); err != nil {
		return err
	}
	certificates, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		certificates = nil // a site without public roots gets an image without them
	}
	for name, content := range map[string]string{
		"ca-certificates.crt": string(certificates),
		"Dockerfile": "FROM scratch\nCOPY muster muster-agent.tar.gz /\n" +
			"COPY ca-certificates.crt /etc/ssl/certs/\nENV PATH=/\nENTRYPOINT [\"/muster\"]\n",
	} {
		if err := os.WriteFile(filepath.Join(context, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	if err := c.run(ctx, nil, "docker", "--host", c.dockerHost, "build", "--quiet", "--tag", "muster:local", context); err != nil {
		return err
	}
	c.say("%-14s built muster:local", "image")
	return c.busyboxImages(ctx)
}

// binaries builds muster and muster-agent without cgo, so that they run in an
// image with nothing else in it.
func (c *Cluster) binaries(ctx context.Context) error {
	out := filepath.Join(c.Dir, "image")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("making the image's folder: %w", err)
	}
	for _, name := range []string{"muster", "muster-agent"} {
		err := c.run(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(out, name), "./cmd/"+name)
		if err != nil {
			return err
		}
	}
	c.say("%-14s built muster and muster-agent", "binaries")
	probe := filepath.Join(c.Dir, "busybox", "probe") // what a build of the tests looks around with
	return c.run(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", probe, "./e2e/cmd/probe")
}

// busyboxImages makes the pause image and a build image out of the machine's
// own static busybox, since there may be no registry to pull from.
func (c *Cluster) busyboxImages(ctx context.Context) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("finding a static busybox (on Debian: apt-get install busybox-static): %w", err)
	}
	dir := filepath.Join(c.Dir, "busybox")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the image's folder: %w", err)
	}
	binary, err := os.ReadFile(busybox)
	if err != nil {
		return fmt.Errorf("reading busybox: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "busybox"), binary, 0o755); err != nil {
		return fmt.Errorf("copying busybox: %w", err)
	}
	for tag, dockerfile := range map[string]string{
		"muster-pause:local": "FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT [\"/bin/busybox\", \"sleep\", \"2147483647\"]\n",
		"muster-busybox:local": "FROM scratch\nCOPY busybox probe /bin/\n" +
			"RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nRUN [\"/bin/busybox\", \"mkdir\", \"-p\", \"/root\", \"/etc\"]\nRUN [\"/bin/busybox\", \"mkdir\", \"-m\", \"1777\", \"/tmp\"]\nENV PATH=/bin HOME=/root\nCMD [\"/bin/sh\"]\n",
	} {
		file := filepath.Join(dir, strings.TrimSuffix(tag, ":local")+".Dockerfile")
		if err := os.WriteFile(file, []byte(dockerfile), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
		if err := c.run(ctx, nil, "docker", "--host", c.dockerHost, "build", "--quiet", "--tag", tag, "--file", file, dir); err != nil {
			return err
		}
	}
	c.say("%-14s built muster-pause:local and muster-busybox:local", "image")
	return c.engine(ctx)
}
