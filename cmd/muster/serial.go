// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// serialCommand is `muster serial` with what is under it.
func serialCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "serial", Short: "Serial groups of an organization: who has them, who waits"}
	cmd.AddCommand(serialListCommand(o), serialReleaseCommand(o))
	return cmd
}

func serialListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list ORGANIZATION", Short: "List the serial groups that somebody has", Args: cobra.ExactArgs(1),
		Example: "  muster serial list gh/acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			groups, err := s.Serials(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if len(groups) == 0 && !o.json {
				fmt.Fprintln(cmd.ErrOrStderr(), "Nobody has a serial group.")
				return nil
			}
			return show(cmd, o, groups, []string{"KEY", "HOLDER", "SINCE", "WAITING"}, serialRow)
		},
	}
}

func serialRow(g api.SerialGroup, _ terminal.Style) []string {
	holder, since := "", ""
	if h := g.Holder; h != nil {
		holder = fmt.Sprintf("%s of pipeline %d of %s", h.Name, h.PipelineNumber, h.ProjectSlug)
	}
	if g.HeldSince != nil {
		since = g.HeldSince.Local().Format(time.DateTime)
	}
	return []string{terminal.Plain(g.Key), terminal.Plain(holder), since, strconv.Itoa(len(g.Waiting))}
}

func serialReleaseCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "release ORGANIZATION KEY", Short: "Take a serial group from its holder, which goes on without it; administrators only", Args: cobra.ExactArgs(2),
		Example: "  muster serial release gh/acme acme/production",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			done, err := s.ReleaseSerial(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return o.confirm(cmd, done, "Released %s.", terminal.Plain(args[1]))
		},
	}
}
