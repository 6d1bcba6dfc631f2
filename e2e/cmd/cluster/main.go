// SPDX-License-Identifier: MPL-2.0

// Command cluster brings Muster up on this machine on real Nomad, Consul,
// Vault and Docker, and takes it down again. It is `make cluster` and
// `make cluster-down`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
)

const usage = `usage: cluster up|down|env|figures

  up       starts what does not run and deploys this checkout
  down     stops everything and removes the data
  env      prints the variables with which nomad, vault and muster reach it
  figures  prints the memory and processor time of the control services`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("one argument is needed\n%s", usage)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	c, err := cluster.New(root, filepath.Join(root, ".muster-cluster"), os.Stdout)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return up(ctx, c)
	case "down":
		return c.Down(ctx)
	case "figures":
		_, err := c.PrintFigures(ctx, 10*time.Second)
		return err
	case "env":
		return env(ctx, c)
	default:
		return fmt.Errorf("%q is not known\n%s", args[0], usage)
	}
}

// up brings everything up and says how to go on.
func up(ctx context.Context, c *cluster.Cluster) error {
	if err := c.Up(ctx); err != nil {
		return err
	}
	if _, err := c.PrintFigures(ctx, 10*time.Second); err != nil {
		return err
	}
	fmt.Printf(`
  API      %s
  output   %s
  Nomad    %s/ui
  Consul   %s/ui

  eval "$(go run ./e2e/cmd/cluster env)"    in a shell, for nomad, vault, consul and muster
  muster run                                in any git repository with a .circleci/config.yml
  make cluster-down                         stops it all and removes its data
`, cluster.PublicAddress, cluster.OutputAddress, cluster.NomadAddress, cluster.ConsulAddress)
	return nil
}

// env prints shell commands that set what the tools need.
func env(ctx context.Context, c *cluster.Cluster) error {
	token, err := c.Token(ctx)
	if err != nil {
		return err
	}
	for _, variable := range append(c.Env(), "MUSTER_HOST="+cluster.PublicAddress, "MUSTER_TOKEN="+token) {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Printf("export %s='%s'\n", name, value)
	}
	fmt.Printf("export PATH=\"$PATH:%s\"\n", c.Path())
	return nil
}
