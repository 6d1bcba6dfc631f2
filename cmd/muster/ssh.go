// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
)

const sshHelp = `Logs in to a job that you run again with SSH (muster rerun --ssh), with the ssh
of this machine and one of the keys that you added with muster ssh-key add. The
job is named by its number or its id.

The connection goes through the gateway, so it needs no port of a build machine;
--direct uses the port instead. The host key is the one that the server names.
Options of ssh itself, such as -L or -i, go behind --option.`

// sshFlags are the flags of `muster ssh`.
type sshFlags struct {
	task    int
	direct  bool
	proxy   bool
	options []string
}

// sshCommand is `muster ssh`.
func sshCommand(o *options) *cobra.Command {
	var f sshFlags
	cmd := &cobra.Command{
		Use:     "ssh <job> [-- command...]",
		Short:   "Log in to a job that you run again with SSH",
		Long:    sshHelp,
		Example: "  muster ssh 42\n  muster ssh 42 -- cat /proc/meminfo\n  muster ssh 42 --option -L8080:127.0.0.1:80",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			id, err := o.jobID(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			if f.proxy {
				return proxySSH(cmd, s, id, f.task)
			}
			place, err := placeOf(cmd.Context(), s, id, f.task)
			if err != nil {
				return err
			}
			return o.runSSH(cmd, f, id, place, args[1:])
		},
	}
	o.withProject(cmd)
	cmd.Flags().IntVar(&f.task, "task", 0, "index of the task, in a job with parallelism")
	cmd.Flags().BoolVar(&f.direct, "direct", false, "connect to the build machine's port")
	cmd.Flags().StringArrayVar(&f.options, "option", nil, "an option for ssh; may be repeated")
	cmd.Flags().BoolVar(&f.proxy, "proxy", false, "pass the bytes of the connection, for ssh's ProxyCommand")
	return cmd
}

// jobID takes a number, as other commands do, or an id.
func (o *options) jobID(ctx context.Context, s *session, argument string) (string, error) {
	if strings.Count(argument, "-") == 4 { // a UUID
		return argument, nil
	}
	job, err := o.jobOf(ctx, s, argument)
	return job.ID, err
}

func placeOf(ctx context.Context, s *session, job string, task int) (api.SSHPlace, error) {
	places, err := s.SSHPlaces(ctx, job)
	if err != nil {
		return api.SSHPlace{}, err
	}
	for _, p := range places {
		if p.Index == task {
			return p, nil
		}
	}
	return api.SSHPlace{}, errors.New("the job cannot be logged in to: it is not one that you ran again with SSH, is not ready yet, or is over; look with `muster status`, and run it with `muster rerun --ssh --job <name>`")
}

// runSSH runs the machine's ssh with the host key pinned.
func (o *options) runSSH(cmd *cobra.Command, f sshFlags, job string, place api.SSHPlace, command []string) error {
	dir, err := os.MkdirTemp("", "muster-ssh-*")
	if err != nil {
		return fmt.Errorf("making a folder for the host key: %w", err)
	}
	defer os.RemoveAll(dir)
	known := filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(known, []byte(place.Attempt+" "+place.HostKey+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the host key: %w", err)
	}
	args := []string{"-o", "HostKeyAlias=" + place.Attempt, "-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no", "-o", "CheckHostIP=no"}
	host := place.Attempt
	if f.direct {
		name, port, err := net.SplitHostPort(place.Address)
		if err != nil {
			return errors.New("the job has no port of its own; leave --direct out")
		}
		args, host = append(args, "-p", port), name
	} else {
		proxy, err := o.proxyCommand(job, f.task)
		if err != nil {
			return err
		}
		args = append(args, "-o", "ProxyCommand="+proxy)
	}
	args = append(append(append(args, f.options...), "job@"+host), command...)
	// Not bound to the command's context: Ctrl-C is for what runs in the job.
	run := exec.Command("ssh", args...)
	run.Stdin, run.Stdout, run.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	err = run.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return failure{code: max(1, exit.ExitCode())} // ssh has said what is wrong
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("there is no ssh on this machine; install OpenSSH's client")
	}
	return err
}

// proxyCommand is this command as ssh's ProxyCommand, which a shell reads and
// executes.
func (o *options) proxyCommand(job string, task int) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	words := []string{self, "ssh", "--proxy", "--task", strconv.Itoa(task)}
	if o.host != "" {
		words = append(words, "--host", o.host)
	}
	words = append(words, job)
	for i, word := range words {
		words[i] = "'" + strings.ReplaceAll(strings.ReplaceAll(word, "'", `'\''`), "%", "%%") + "'"
	}
	return strings.Join(words, " "), nil
}

// proxySSH passes bytes between the standard files and the job.
func proxySSH(cmd *cobra.Command, s *session, job string, task int) error {
	conn, err := s.ConnectSSH(cmd.Context(), job, task)
	if err != nil {
		return err
	}
	end := sync.OnceFunc(func() { conn.Close() })
	defer end()
	go func() {
		defer end() // ssh has gone
		io.Copy(conn, cmd.InOrStdin())
	}()
	if _, err := io.Copy(cmd.OutOrStdout(), conn); err != nil && !errors.Is(err, net.ErrClosed) && cmd.Context().Err() == nil {
		return fmt.Errorf("the connection to the job broke: %w", err)
	}
	return nil
}
