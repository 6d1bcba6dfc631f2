// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/terminal"
)

// peopleCommands are the commands of those who use the platform. They speak its
// public API and nothing else.
func peopleCommands() []*cobra.Command {
	o := &options{}
	commands := []*cobra.Command{
		loginCommand(o), projectCommand(o), organizationCommand(o), runCommand(o), logsCommand(o), statusCommand(o), cancelCommand(o),
		artifactsCommand(o), testsCommand(o), cacheCommand(o), serialCommand(o),
		approveCommand(o), rerunCommand(o), configCommand(o), lspCommand(o), orbCommand(o), namespaceCommand(o), tokenCommand(o), adminCommand(o),
		sshKeyCommand(o), sshCommand(o),
	}
	for _, command := range commands {
		flags := command.PersistentFlags()
		flags.StringVar(&o.host, "host", "", "address of the installation (default $MUSTER_HOST, or where you logged in)")
		flags.BoolVar(&o.json, "json", false, "print JSON, one value a line")
	}
	return commands
}

// options are the flags that all commands of people have.
type options struct {
	host    string
	json    bool
	project string
}

// withProject adds the flag that names the project.
func (o *options) withProject(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVarP(&o.project, "project", "p", "", "project slug, such as gh/acme/site (default: that of the git repository you are in)")
}

// table shows rows as a table, or items as JSON lines.
func show[T any](cmd *cobra.Command, o *options, items []T, head []string, row func(T, terminal.Style) []string) error {
	if o.json {
		for _, item := range items {
			if err := printJSON(cmd, item); err != nil {
				return err
			}
		}
		return nil
	}
	style := terminal.StyleOf(cmd.OutOrStdout())
	rows := [][]string{head}
	for _, item := range items {
		rows = append(rows, row(item, style))
	}
	terminal.Table(cmd.OutOrStdout(), style, rows)
	return nil
}

func printJSON(cmd *cobra.Command, value any) error {
	if err := json.NewEncoder(cmd.OutOrStdout()).Encode(value); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}
