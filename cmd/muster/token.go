// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// tokenCommand is `muster token` with what is under it.
func tokenCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Create, list and revoke your tokens"}
	cmd.AddCommand(tokenCreateCommand(o), tokenListCommand(o), tokenRevokeCommand(o))
	return cmd
}

func tokenCreateCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "create [label]",
		Short: "Create a token and print it, this once",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			token, err := s.CreateToken(cmd.Context(), strings.Join(args, " "))
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd, token)
			}
			// The value alone is standard output, so that it can go into a pipe.
			fmt.Fprintln(cmd.OutOrStdout(), token.Value)
			fmt.Fprintf(cmd.ErrOrStderr(), "This is the only time that the token is shown. Its id is %s.\n", token.ID)
			return nil
		},
	}
}

func tokenListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List your tokens",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			tokens, err := s.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, o, tokens, []string{"ID", "LABEL", "CREATED"}, func(t api.Token, _ terminal.Style) []string {
				return []string{t.ID, terminal.Plain(t.Label), t.CreatedAt.Local().Format(time.DateTime)}
			})
		},
	}
}

func tokenRevokeCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke <id>",
		Short: "Revoke one of your tokens at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			if err := s.RevokeToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			return o.confirm(cmd, api.Message{Message: "revoked"}, "Revoked %s.", args[0])
		},
	}
}
