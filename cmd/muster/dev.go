// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/internal/module"
)

const devHelp = `Runs all of Muster in this process, on parts that need nothing installed:
SQLite, a folder as the bucket, and builds as child processes (machine executor)
or on the local Docker engine (docker executor).

Everything is kept in one folder. It also holds the administrator's token in
the file "token", which the other commands find by themselves when they are run
from there. Stopping it stops no build: agents go on, and their builds are there
when it is started again.`

// devCommand is `muster dev`.
func devCommand() *cobra.Command {
	var data, config, level string
	var secure bool
	cmd := &cobra.Command{
		Use: "dev", Short: "Run all of Muster here, on embedded parts", Long: devHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := filepath.Abs(data)
			if err != nil {
				return err
			}
			unlock, err := lockFolder(data)
			if err != nil {
				return err
			}
			defer unlock()
			s, err := settings.Load(config, data, serviceNames())
			if err != nil {
				return err
			}
			s.Log.Level = level
			s.Listen.Internal = "" // nobody outside this process needs it
			if secure {
				if err := selfMade(s, data); err != nil {
					return err
				}
			}
			m, err := newSeams(s, newLogger(s.Log), filepath.Join(data, "token"))
			if err != nil {
				return err
			}
			m.dev = true
			if err := writeURL(data, s); err != nil {
				return fmt.Errorf("writing the address: %w", err)
			}
			return runServices(cmd.Context(), m, serviceNames(), banner(cmd.OutOrStdout(), s, data))
		},
	}
	cmd.Flags().StringVar(&data, "data", ".muster", "folder for everything that is kept")
	cmd.Flags().StringVar(&config, "config", "", "settings file (HCL); everything has a default")
	cmd.Flags().BoolVar(&secure, "tls", false, "answer https with a certificate made here, which builds trust")
	cmd.Flags().StringVar(&level, "log-level", "warn", "trace, debug, info, warn or error")
	return cmd
}

// banner is the last module: when its turn comes everything is ready.
func banner(out io.Writer, s *settings.Settings, data string) module.Module {
	return module.Module{Name: "banner", Run: func(ctx context.Context) error {
		fmt.Fprintf(out, "Muster is ready.\n\n  API and web   %s%s\n  output        http://%s\n  token         %s\n\n"+
			"In any git repository with a .circleci/config.yml:\n\n  muster run\n\nCtrl-C stops; builds go on and are picked up at the next start.\n",
			s.Scheme(), s.Listen.Public, s.Listen.Output, filepath.Join(data, "token"))
		<-ctx.Done()
		return nil
	}}
}

// onBridge is where output and the gateway listen. With embedded parts
// containers of the local Docker engine have to reach them too: who listens on
// loopback does so as well on the engine's bridge, which only this machine can
// reach.
func (m *seams) onBridge(address string) []string {
	addresses := []string{address}
	host, port, err := net.SplitHostPort(address)
	if err != nil || !m.dev || !net.ParseIP(host).IsLoopback() {
		return addresses
	}
	for _, ip := range bridgeIPs() {
		addresses = append(addresses, net.JoinHostPort(ip, port))
	}
	return addresses
}

// bridgeIPs are the addresses of this machine on the Docker engine's bridge,
// none where no engine has run.
func bridgeIPs() (list []string) {
	bridge, err := net.InterfaceByName("docker0")
	if err != nil {
		return nil
	}
	ips, err := bridge.Addrs()
	if err != nil {
		return nil
	}
	for _, ip := range ips {
		if network, ok := ip.(*net.IPNet); ok && network.IP.To4() != nil {
			list = append(list, network.IP.String())
		}
	}
	return list
}

// writeURL tells the people's commands where a server on this machine listens.
func writeURL(data string, s *settings.Settings) error {
	return os.WriteFile(filepath.Join(data, "url"), []byte(s.Scheme()+s.Listen.Public+"\n"), 0o600)
}

// lockFolder makes the folder and holds it against a second process, which
// would start every build a second time.
func lockFolder(data string) (unlock func(), err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("another muster uses %s: stop it, or name another folder with --data", data)
	}
	return func() { file.Close() }, nil
}

// agentPath finds the agent that builds are run with: the one named in the
// settings, beside this binary, or on PATH.
func agentPath(s *settings.Settings) (string, error) {
	if s.Cluster.Agent != "" {
		return s.Cluster.Agent, nil
	}
	var tried []string
	if self, err := os.Executable(); err == nil {
		tried = append(tried, filepath.Join(filepath.Dir(self), "muster-agent"))
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		tried = append(tried, filepath.Join(dir, "muster-agent"))
	}
	for _, path := range tried {
		if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("there is no muster-agent beside muster or on PATH (tried %s): build it with `make build`, or name it as agent in the settings' cluster block", strings.Join(tried[:1], ", "))
}
