// SPDX-License-Identifier: MPL-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// keysCommand is `muster admin keys`.
func keysCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "The keys that sign OIDC tokens of jobs"}
	cmd.AddCommand(keysListCommand(o), keysRotateCommand(o))
	return cmd
}

func keysListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys that are served, and which of them signs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			keys, err := s.SigningKeys(cmd.Context())
			if err != nil {
				return err
			}
			return showKeys(cmd, o, keys.Items)
		},
	}
}

const keysRotateHelp = `Makes a new key for the OIDC tokens of jobs.

  muster admin keys rotate             the new key is published now and signs in an hour;
                                       tokens that are in use hold until their end
  muster admin keys rotate --revoke    the new key signs at once, and all others are
                                       withdrawn and never sign again

With --revoke the tokens of running jobs are refused as soon as those who check
them fetch the keys anew; a job gets another with ` + "`circleci run oidc get`" + `, and
CIRCLE_OIDC_TOKEN stays the old one until the job is run again. It is for the case
that somebody else may have been able to sign. Without it the age of keys is seen
to by identity itself.`

func keysRotateCommand(o *options) *cobra.Command {
	var in api.SigningKeyRotation
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new key, and withdraw the others if asked to",
		Long:  keysRotateHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			keys, err := s.RotateSigningKeys(cmd.Context(), in)
			if err != nil {
				return err
			}
			return showKeys(cmd, o, keys.Items)
		},
	}
	cmd.Flags().BoolVar(&in.Revoke, "revoke", false, "withdraw all other keys at once")
	return cmd
}

func showKeys(cmd *cobra.Command, o *options, keys []api.SigningKey) error {
	return show(cmd, o, keys, []string{"KEY", "STATE", "SIGNS FROM", "SERVED UNTIL"}, func(k api.SigningKey, _ terminal.Style) []string {
		until := "-"
		if k.EndsAt != nil {
			until = k.EndsAt.UTC().Format(time.RFC3339)
		}
		return []string{terminal.Plain(k.ID), terminal.Plain(k.State), k.SignsAt.UTC().Format(time.RFC3339), until}
	})
}
