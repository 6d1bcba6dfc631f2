// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// adminCommand is `muster admin`: what an administrator does on a running
// installation.
func adminCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "admin", Short: "Look after an installation; administrators only"}
	stuck := &cobra.Command{Use: "stuck", Short: "Work that failed too often and was set aside"}
	stuck.AddCommand(stuckListCommand(o), stuckRetryCommand(o))
	cmd.AddCommand(stuck, keysCommand(o))
	return cmd
}

func stuckListCommand(o *options) *cobra.Command {
	var service string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the work that was set aside, with its last error",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			rows, err := s.Stuck(cmd.Context(), service)
			if err != nil {
				return err
			}
			if err := showStuck(cmd, o, rows.Items); err != nil {
				return err
			}
			if len(rows.Away) > 0 {
				return fmt.Errorf("no answer of %s: the list is without what they set aside", strings.Join(rows.Away, ", "))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "only of this service")
	return cmd
}

func showStuck(cmd *cobra.Command, o *options, rows []api.StuckRow) error {
	if len(rows) == 0 && !o.json {
		fmt.Fprintln(cmd.ErrOrStderr(), "Nothing is set aside.")
		return nil
	}
	return show(cmd, o, rows, []string{"SERVICE", "TABLE", "ID", "TRIES", "LAST ERROR"}, func(r api.StuckRow, _ terminal.Style) []string {
		return []string{r.Service, r.Table, terminal.Plain(r.ID), strconv.Itoa(r.Tries), terminal.Plain(r.LastError)}
	})
}

const stuckRetryHelp = `Has work tried again that was set aside, with all its tries.

  muster admin stuck retry queue m-0123456789
  muster admin stuck retry queue --all

Mend what its last error says first, or it will be set aside again.`

func stuckRetryCommand(o *options) *cobra.Command {
	var in api.StuckRetry
	cmd := &cobra.Command{
		Use:   "retry <service> [id]",
		Short: "Have work tried again that was set aside",
		Long:  stuckRetryHelp,
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Service, in.ID = args[0], argument(args[1:])
			if (in.ID == "") != in.All {
				return fmt.Errorf("name the row by its id, or all of the service with --all; `muster admin stuck list --service %s` lists them", in.Service)
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			back, err := s.RetryStuck(cmd.Context(), in)
			if err != nil {
				return err
			}
			if o.json {
				return showStuck(cmd, o, back.Items)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Put back in %s: %d.\n", in.Service, len(back.Items))
			return nil
		},
	}
	cmd.Flags().BoolVar(&in.All, "all", false, "everything that the service has set aside")
	cmd.Flags().StringVar(&in.Table, "table", "", "only in this table, where two have the id")
	return cmd
}
