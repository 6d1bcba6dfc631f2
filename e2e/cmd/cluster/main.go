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
	"syscall"

	"github.com/muster-ci/muster/e2e/cluster"
)

const usage = `usage: cluster up|down|env|figures

  up       starts what does not run and deploys this checkout
  down     stops everything and removes the data
  env      prints the variables with which nomad, vault and muster reach it
  figures  prints the memory and processor time of the control services`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
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
		return c.Up(ctx)
	case "down":
		return c.Down(ctx)
	default:
		return fmt.Errorf("%q is not known\n%s", args[0], usage)
	}
}
