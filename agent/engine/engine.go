// SPDX-License-Identifier: MPL-2.0

// Package engine is the first process of a container that holds the Docker
// engine of a job: it makes writable what an engine writes to and a container's
// runtime mounts read-only, and then becomes dockerd.
//
// The container needs CAP_SYS_ADMIN and CAP_NET_ADMIN and no filter of system
// calls, but is not privileged: it has no device of the client.
package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// cgroups is where the hierarchies of control groups are mounted.
	cgroups = "/sys/fs/cgroup"
	// socket is where containers expect the engine's own, whatever address their
	// client has: the reaper of testcontainers, proxies and builders mount it.
	socket = "/var/run/docker.sock"
)

// Run prepares the container and does not return unless that fails. Layers is
// the folder in which the client keeps the data of engines, joined with the key
// of those who share it, or "" for an engine that begins empty; args are further
// ones for dockerd.
func Run(address, layers string, args []string) error {
	if err := openMounts("/proc/self/mounts"); err != nil {
		return err
	}
	if layers != "" {
		if err := useLayers(layers); err != nil {
			return err
		}
	}
	if err := nest(cgroups); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return fmt.Errorf("making the folder of the engine's socket: %w", err)
	}
	words, err := command(address, args, exec.LookPath)
	if err != nil {
		return err
	}
	return fmt.Errorf("becoming %s: %w", words[0], unix.Exec(words[0], words, os.Environ()))
}

// useLayers gives the engine what an engine before it had, unless all of that is
// in use or cannot be read. In any case nothing of the rest stays in reach.
func useLayers(layers string) error {
	s := newShelf(filepath.Dir(layers))
	taken, err := s.take(filepath.Base(layers))
	if err != nil {
		fmt.Fprintln(os.Stderr, "muster-agent: the engine keeps no layers:", err)
	}
	if taken != nil {
		if err := s.enter(taken); err != nil {
			return err
		}
	}
	if err := unix.Unmount(s.dir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("hiding the layers of others: %w", err)
	}
	if taken == nil {
		return nil
	}
	return forget(context.Background(), dataFolder, startQuiet)
}

// command finds what the image brings: the entrypoint of docker:dind, which
// also chooses among the kinds of iptables, or dockerd itself, below an init
// that reaps what it leaves.
func command(address string, args []string, find func(string) (string, error)) ([]string, error) {
	daemon := append([]string{"dockerd", "--host=" + address, "--host=unix://" + socket}, args...)
	if path, err := find("dockerd-entrypoint.sh"); err == nil {
		return append([]string{path}, daemon...), nil
	}
	path, err := find("dockerd")
	if err != nil {
		return nil, fmt.Errorf("the engine's image has no dockerd: name one such as docker:28-dind in placements { remote_docker }: %w", err)
	}
	if reaper, err := find("docker-init"); err == nil {
		return append([]string{reaper, "--"}, daemon...), nil
	}
	daemon[0] = path
	return daemon, nil
}

// openMounts makes control groups and the kernel's settings writable. Both are
// the container's own: its groups are below its limits, and the settings of the
// network belong to its network namespace.
func openMounts(table string) error {
	file, err := os.Open(table)
	if err != nil {
		return fmt.Errorf("reading the mounts: %w", err)
	}
	defer file.Close()
	var failed error
	for lines := bufio.NewScanner(io.LimitReader(file, 1<<20)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !opens(fields[1]) || !slices.Contains(strings.Split(fields[3], ","), "ro") {
			continue
		}
		flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
		if err := unix.Mount("", fields[1], "", flags, ""); err != nil {
			failed = errors.Join(failed, fmt.Errorf("making %s writable: %w", fields[1], err))
		}
	}
	if failed != nil {
		return fmt.Errorf("the container lacks the rights of an engine, CAP_SYS_ADMIN above all: %w", failed)
	}
	return nil
}

func opens(path string) bool {
	return path == "/sys" || path == "/proc/sys" || path == cgroups || strings.HasPrefix(path, cgroups+"/")
}

// nest lets the engine make groups of its own in version 2 of control groups:
// one with children that are limited may hold no process itself.
func nest(root string) error {
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // version 1 knows no such rule
	}
	if err != nil {
		return fmt.Errorf("reading the control groups: %w", err)
	}
	leaf := filepath.Join(root, "init")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return fmt.Errorf("making a control group: %w", err)
	}
	processes, err := os.ReadFile(filepath.Join(root, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("reading the control group: %w", err)
	}
	for _, pid := range strings.Fields(string(processes)) {
		// One that has ended meanwhile cannot be moved and need not be.
		if err := write(filepath.Join(leaf, "cgroup.procs"), pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("moving a process into a control group: %w", err)
		}
	}
	var enable []string
	for _, name := range strings.Fields(string(controllers)) {
		enable = append(enable, "+"+name)
	}
	if err := write(filepath.Join(root, "cgroup.subtree_control"), strings.Join(enable, " ")); err != nil {
		return fmt.Errorf("handing on the control groups: %w", err)
	}
	return nil
}

// write appends: the files of control groups take each write as a command.
func write(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text + "\n")
	return errors.Join(err, file.Close())
}
