// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// cleanFor is how long the engine may take that removes what the job before
	// left behind.
	cleanFor = 45 * time.Second
	// maxSettings bounds those of a container, which that job may have written.
	maxSettings = 1 << 20
)

// starter starts an engine for ourselves on a socket, and calls ended when that
// has ended by itself. Whoever starts it has to stop it.
type starter func(ctx context.Context, socket string, ended func()) (stop func() error, err error)

// forget removes from an engine's data what is no image and no build cache:
// containers, volumes, networks, plugins and a swarm would be there for the next
// job, and some of them running. What cannot be removed costs the images too.
func forget(ctx context.Context, root string, start starter) error {
	err := forgetKept(ctx, root, start)
	if err == nil {
		return nil
	}
	entries, listed := os.ReadDir(root)
	err = errors.Join(fmt.Errorf("removing what the job before left: %w", err), listed)
	for _, entry := range entries {
		if removed := os.RemoveAll(filepath.Join(root, entry.Name())); removed != nil {
			return errors.Join(err, removed)
		}
	}
	fmt.Fprintln(os.Stderr, "muster-agent: the engine begins empty:", err)
	return nil
}

func forgetKept(ctx context.Context, root string, start starter) error {
	// The engine makes its networks anew.
	for _, name := range []string{"swarm", "plugins", "network/files/local-kv.db", "tmp"} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	left, err := leftovers(root)
	if err != nil || !left {
		return err
	}
	if err := neverRestart(root); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cleanFor)
	defer cancel()
	dir, err := os.MkdirTemp("", "muster-engine")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "docker.sock")
	client, err := NewClient("unix://" + socket)
	if err != nil {
		return err
	}
	stop, err := start(ctx, socket, cancel)
	if err != nil {
		return err
	}
	return errors.Join(client.removeAll(ctx), stop())
}

// leftovers tells whether there are containers or volumes.
func leftovers(root string) (bool, error) {
	for _, name := range []string{"containers", "volumes"} {
		entries, err := os.ReadDir(filepath.Join(root, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		for _, entry := range entries {
			if entry.IsDir() {
				return true, nil
			}
		}
	}
	return false, nil
}

// neverRestart changes what containers want when their engine starts, so that
// none runs again.
func neverRestart(root string) error {
	paths, err := filepath.Glob(filepath.Join(root, "containers", "*", "hostconfig.json"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := neverRestartOne(path); err != nil {
			return fmt.Errorf("changing the settings of a container: %w", err)
		}
	}
	return nil
}

// neverRestartOne takes an ordinary file of an ordinary size alone: the job
// before was root in its engine and may have put anything there.
func neverRestartOne(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSettings {
		return fmt.Errorf("%s is no file of at most %d bytes", path, maxSettings)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSettings))
	if err != nil {
		return err
	}
	settings := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &settings); err != nil {
		return err
	}
	settings["RestartPolicy"] = json.RawMessage(`{"Name":"no","MaximumRetryCount":0}`)
	if text, err = json.Marshal(settings); err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(text, 0)
	return err
}

// startQuiet starts a dockerd that only we reach and that makes no network.
func startQuiet(ctx context.Context, socket string, ended func()) (func() error, error) {
	path, err := exec.LookPath("dockerd")
	if err != nil {
		return nil, fmt.Errorf("finding dockerd: %w", err)
	}
	var said bytes.Buffer
	command := exec.CommandContext(ctx, path, "--host=unix://"+socket, "--pidfile="+socket+".pid", "--bridge=none", "--iptables=false")
	command.Stderr = &said
	command.Cancel = func() error { return command.Process.Signal(unix.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	if err := command.Start(); err != nil {
		return nil, err
	}
	result := make(chan error, 1)
	go func() {
		result <- command.Wait()
		ended()
	}()
	return func() error {
		// It may have ended by itself, which Wait tells.
		_ = command.Process.Signal(unix.SIGTERM)
		if err := <-result; err != nil {
			return fmt.Errorf("%w: %s", err, said.Bytes()[max(0, said.Len()-2000):])
		}
		return nil
	}, nil
}

// removeAll waits until the engine answers and removes everything but images that
// have a name and the build cache.
func (c *Client) removeAll(ctx context.Context) error {
	if _, err := c.Await(ctx); err != nil {
		return fmt.Errorf("the engine does not answer: %w", err)
	}
	var containers []struct{ ID string }
	if err := c.Do(ctx, http.MethodGet, "/containers/json?all=1", &containers); err != nil {
		return err
	}
	for _, one := range containers {
		if err := c.Do(ctx, http.MethodDelete, "/containers/"+url.PathEscape(one.ID)+"?force=1&v=1", nil); err != nil {
			return err
		}
	}
	var volumes struct{ Volumes []struct{ Name string } }
	if err := c.Do(ctx, http.MethodGet, "/volumes", &volumes); err != nil {
		return err
	}
	for _, one := range volumes.Volumes {
		if err := c.Do(ctx, http.MethodDelete, "/volumes/"+url.PathEscape(one.Name)+"?force=1", nil); err != nil {
			return err
		}
	}
	return c.Do(ctx, http.MethodPost, "/images/prune", nil)
}
