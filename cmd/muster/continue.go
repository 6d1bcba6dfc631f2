// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
)

const continueHelp = `Give a setup pipeline the config that does the work. Run it in a job of the setup
workflow: there the key is in CIRCLE_CONTINUATION_KEY and the address in
MUSTER_HOST, and no login is needed. A pipeline is continued once, within six
hours; the same call again does no harm.

The path is that of the config, "-" for standard input. An empty file ends the
pipeline without further workflows. --parameters-file names a JSON object, such
as the path-filtering orb writes; --parameter comes on top of it.`

// continueCommand is `muster config continue`.
func continueCommand(o *options) *cobra.Command {
	var pairs []string
	var file string
	cmd := &cobra.Command{
		Use: "continue <path>", Short: "Continue a setup pipeline, from a job of it", Long: continueHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key := os.Getenv("CIRCLE_CONTINUATION_KEY")
			if key == "" {
				return errors.New("CIRCLE_CONTINUATION_KEY is not set; only the jobs of a setup workflow have it: its config says `setup: true`")
			}
			text, err := readConfig(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			parameters, err := continueParameters(file, pairs)
			if err != nil {
				return err
			}
			c, err := client.New(first(o.host, os.Getenv("MUSTER_HOST"), devAddress), "", nil)
			if err != nil {
				return err
			}
			message, err := c.ContinuePipeline(cmd.Context(), api.Continuation{Key: key, Configuration: text, Parameters: parameters})
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd, message)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "The pipeline goes on with "+args[0]+".")
			return err
		},
	}
	cmd.Flags().StringArrayVar(&pairs, "parameter", nil, "pipeline parameter as name=value; may be repeated")
	cmd.Flags().StringVar(&file, "parameters-file", "", "file with a JSON object of pipeline parameters")
	return cmd
}

// continueParameters merges the file's parameters with those of the flags.
func continueParameters(file string, pairs []string) (map[string]any, error) {
	given, err := parseParameters(pairs)
	if err != nil || file == "" {
		return given, err
	}
	text, err := readConfig(file, nil)
	if err != nil {
		return nil, err
	}
	var parameters map[string]any
	if err := json.Unmarshal([]byte(text), &parameters); err != nil {
		return nil, fmt.Errorf("%s is not a JSON object of parameters: %w", file, err)
	}
	if parameters == nil {
		return given, nil
	}
	maps.Copy(parameters, given)
	return parameters, nil
}
