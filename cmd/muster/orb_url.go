// SPDX-License-Identifier: MPL-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

func orbAllowCommand(o *options) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "allow organization prefix",
		Short:   "Let an organization's configs use URL orbs below a prefix",
		Example: "  muster orb allow gh/acme https://orbs.example.com/ci/",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			created, err := s.AddURLOrbEntry(cmd.Context(), args[0], api.NewURLOrbEntry{Name: first(name, args[1]), Prefix: args[1], Auth: "none"})
			if err != nil {
				return err
			}
			return o.confirm(cmd, created, "%s may use URL orbs that begin with %s.", args[0], args[1])
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "how the entry is called (default: the prefix)")
	return cmd
}

func orbAllowedCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "allowed organization",
		Short: "List the prefixes of URL orbs that an organization's configs may use",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			entries, err := s.URLOrbEntries(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return show(cmd, o, entries, []string{"ID", "NAME", "PREFIX"}, func(e api.URLOrbEntry, _ terminal.Style) []string {
				return []string{e.ID, terminal.Plain(e.Name), e.Prefix}
			})
		},
	}
}

func orbDisallowCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "disallow organization id",
		Short: "Take a prefix off an organization's list",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			if err := s.RemoveURLOrbEntry(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			return o.confirm(cmd, api.Message{Message: "removed"}, "Removed %s from the list of %s.", args[1], args[0])
		},
	}
}
