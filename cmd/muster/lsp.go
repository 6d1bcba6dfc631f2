// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/lsp"
)

// lspCommand serves an editor on standard input and output.
func lspCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Serve editors: mistakes, hover, completion and definitions in configs",
		Long: "Serve editors by the Language Server Protocol on standard input and output, for\n" +
			".circleci/config.yml and .muster/pipeline.hcl. Configs are compiled here; the installation\n" +
			"that you are logged in to, if any, is asked for registry orbs only. docs/editors.md has the\n" +
			"settings of editors.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger := hclog.New(&hclog.LoggerOptions{Name: "lsp", Output: os.Stderr, Level: hclog.Warn})
			return lsp.New(lsp.Default(), lsp.Deps{Logger: logger, Registry: o.registry()}).Run(cmd.Context(), os.Stdin, os.Stdout)
		},
	}
}
