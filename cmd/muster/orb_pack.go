// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/orbpack"
)

const orbPackHelp = `Makes one source of an orb that is kept as a folder, and prints it:

  @orb.yml                version, description, display, orbs
  commands/greet.yml      becomes commands.greet; likewise jobs/, executors/, examples/
  scripts/greet.sh        <<include(scripts/greet.sh)>> in a command, job or executor
                          puts its text there, with "<<" in it escaped

Nothing outside of the folder is read. A folder whose orb is in src/ will do, and
so will one file.`

// orbPackCommand is `muster orb pack`. It needs no server.
func orbPackCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "pack path",
		Short:   "Make one source of an unpacked orb",
		Long:    orbPackHelp,
		Example: "  muster orb pack src > orb.yml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := orbpack.PackFolder(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), source)
			return err
		},
	}
}

// orbSource reads the source that a path means: a file, "-" for standard input,
// or a folder with an unpacked orb.
func orbSource(cmd *cobra.Command, path string) (string, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return orbpack.PackFolder(path)
	}
	return readConfig(path, cmd.InOrStdin())
}

// orbCheckCommand is `muster orb validate` and `muster orb process`.
func orbCheckCommand(o *options, process bool) *cobra.Command {
	use, short := "validate path", "Check an orb and show every mistake with its place"
	if process {
		use, short = "process path", "Check an orb and print its source as it would be published"
	}
	var organization string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long:  short + ".\n\nThe path is that of a file, \"-\" for standard input, or a folder with an unpacked orb.\nThe exit code is 1 for an orb with mistakes.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := orbSource(cmd, args[0])
			if err != nil {
				return err
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			result, err := s.CheckOrb(cmd.Context(), api.CheckOrb{Source: source, Organization: organization})
			if err != nil {
				return err
			}
			c := &compilation{process: process, format: "text"}
			if o.json {
				c.format = "json"
			}
			return c.show(cmd, args[0], result)
		},
	}
	cmd.Flags().StringVar(&organization, "organization", "", "slug or id of the organization whose private orbs it may use")
	return cmd
}
