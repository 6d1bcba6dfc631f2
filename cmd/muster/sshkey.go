// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// sshKeyCommand is `muster ssh-key` with what is under it.
func sshKeyCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "ssh-key", Short: "Add, list and remove your SSH keys, for jobs that you run again with SSH"}
	cmd.AddCommand(sshKeyAddCommand(o), sshKeyListCommand(o), sshKeyRemoveCommand(o))
	return cmd
}

func sshKeyAddCommand(o *options) *cobra.Command {
	var label string
	cmd := &cobra.Command{
		Use:     "add <file>",
		Short:   "Add a public key; - reads it from standard input",
		Example: "  muster ssh-key add ~/.ssh/id_ed25519.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			key, err := readKey(cmd, args[0])
			if err != nil {
				return err
			}
			added, err := s.AddSSHKey(cmd.Context(), api.NewSSHKey{PublicKey: key, Label: label})
			if err != nil {
				return err
			}
			return o.confirm(cmd, added, "Added %s (%s). Jobs that you run again with SSH take it from now on.", added.Fingerprint, terminal.Plain(added.Label))
		},
	}
	cmd.Flags().StringVar(&label, "label", "", "a name for it (default: the key's comment)")
	return cmd
}

// maxKeyFile is the most bytes of a file that can hold a public key.
const maxKeyFile = 16 << 10

func readKey(cmd *cobra.Command, name string) (string, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("opening the key: %w", err)
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxKeyFile))
	if err != nil {
		return "", fmt.Errorf("reading the key: %w", err)
	}
	return string(data), nil
}

func sshKeyListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List your SSH keys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			keys, err := s.SSHKeys(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, o, keys, []string{"ID", "FINGERPRINT", "LABEL", "ADDED"}, func(k api.SSHKey, _ terminal.Style) []string {
				return []string{k.ID, k.Fingerprint, terminal.Plain(k.Label), k.CreatedAt.Local().Format(time.DateTime)}
			})
		},
	}
}

func sshKeyRemoveCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "remove <id>",
		Short: "Remove one of your SSH keys, by its id or fingerprint",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			keys, err := s.SSHKeys(cmd.Context())
			if err != nil {
				return err
			}
			id := args[0]
			for _, k := range keys {
				if k.Fingerprint == id {
					id = k.ID
				}
			}
			if err := s.RemoveSSHKey(cmd.Context(), id); err != nil {
				return err
			}
			return o.confirm(cmd, api.Message{Message: "removed"}, "Removed %s. Jobs that run already go on taking it.", args[0])
		},
	}
}
