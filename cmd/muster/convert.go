// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/hcl/pipeline/convert"
	"github.com/muster-ci/muster/internal/terminal"
)

// convertCommand is `muster config convert`, which asks no server.
func convertCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "convert [path]",
		Short: "Write a config.yml as a pipeline in HCL",
		Long: "Write a config.yml as a pipeline in HCL, which compiles to the same plan.\n\n" +
			"The path is that of a file, \"-\" for standard input, and .circleci/config.yml of the\n" +
			"repository by default. Comments are kept beside what they are about. What HCL cannot\n" +
			"say is told with its line, and nothing is written then. The result belongs into\n" +
			".muster/pipeline.hcl; it counts once there is no .circleci/config.yml any more.",
		Example: "  muster config convert --output .muster/pipeline.hcl",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := first(argument(args), defaultConfig(cmd.Context()))
			if pipeline.Handles(path) {
				return failure{exitFailed, path + " is written in HCL already; name a config.yml"}
			}
			text, err := readConfig(path, cmd.InOrStdin())
			if err != nil {
				return err
			}
			converted, problems := convert.FromYAML(text)
			for _, p := range problems {
				p.File = path
				fmt.Fprintln(cmd.ErrOrStderr(), terminal.Plain(p.String()))
			}
			if len(problems) > 0 {
				return failure{exitFailed, fmt.Sprintf("%s has %d part(s) that HCL cannot say", path, len(problems))}
			}
			if out == "" {
				_, err = fmt.Fprint(cmd.OutOrStdout(), converted)
				return err
			}
			if err := os.WriteFile(out, []byte(converted), 0o600); err != nil {
				return fmt.Errorf("writing the pipeline: %w", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is written.\n", out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write instead of standard output")
	return cmd
}
