// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/firewall"
)

// newClient is for the machines that run builds.
func clientCommand() *cobra.Command {
	client := &cobra.Command{Use: "client", Short: "Prepare the Nomad clients that run builds"}
	cfg, remove := firewall.Default(), false
	command := &cobra.Command{
		Use:   "firewall",
		Short: "Print a script that keeps builds from the cluster's own ports",
		Long: `Prints a shell script for a Nomad client that runs builds. Run as root there, at
each start, it closes to builds the addresses at which clouds tell a machine its
credentials, and the ports of Nomad, Consul, Vault and Docker on this client and
in the site's networks. It needs iptables, as Nomad's bridge mode does.

  muster client firewall --allow 10.0.0.5:8200 | sh`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write := firewall.Script
			if remove {
				write = firewall.Remove
			}
			script, err := write(cfg)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), script)
			return err
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&cfg.Bridges, "bridge", cfg.Bridges, "interfaces behind which builds are; a + at the end stands for any more")
	flags.StringSliceVar(&cfg.Sites, "site", cfg.Sites, "networks with machines of the cluster")
	flags.StringSliceVar(&cfg.Allow, "allow", nil, "exceptions, address:port, such as a Vault that builds log in to")
	flags.BoolVar(&remove, "remove", false, "print the script that takes the rules away again")
	client.AddCommand(command)
	return client
}
