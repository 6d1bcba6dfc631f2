// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/hcl/settings"
)

const serverHelp = `Runs control services until it is told to stop (SIGTERM).

  muster server -target=all                          all of them in one process
  muster server -target=queue -config=muster.hcl     one, as on Nomad

"muster targets" lists the services; docs/settings.md has the settings.`

// serverCommand is `muster server`.
func serverCommand() *cobra.Command {
	var target, config, data string
	cmd := &cobra.Command{
		Use: "server", Short: "Run control services", Long: serverHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			names, err := targets(target)
			if err != nil {
				return err
			}
			s, err := settings.Load(config, data, serviceNames())
			if err != nil {
				return err
			}
			m, err := newSeams(s, newLogger(s.Log), data+"/token")
			if err != nil {
				return err
			}
			return runServices(cmd.Context(), m, names)
		},
	}
	cmd.Flags().StringVar(&target, "target", "all", `services to run, separated by commas, or "all"`)
	cmd.Flags().StringVar(&config, "config", "", "settings file (HCL)")
	cmd.Flags().StringVar(&data, "data", ".muster", "folder for what the settings keep in files")
	return cmd
}

// targetsCommand is `muster targets`.
func targetsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "targets", Short: "List the control services", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "STAGE\tTARGET\tWHAT IT DOES")
			for _, s := range services {
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.stage, s.name, s.does)
			}
			return w.Flush()
		},
	}
}

// checkCommand is `muster check`.
func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE...", Short: "Check settings files and templates of build jobs",
		Long: "Checks settings files (*.hcl) and templates of build jobs (*.nomad.hcl) without\nstarting anything, and names file and line of every mistake.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			var bad int
			for _, file := range files {
				if err := checkFile(file); err != nil {
					bad++
					fmt.Fprintf(cmd.ErrOrStderr(), "%s:\n%v\n", file, err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", file)
			}
			if bad > 0 {
				return fmt.Errorf("%d of %d files have mistakes", bad, len(files))
			}
			return nil
		},
	}
}

// checkSettings loads a file as a server would and decodes every service's
// block.
func checkSettings(file string) error {
	s, err := settings.Check(file, ".muster", serviceNames())
	if err != nil {
		return err
	}
	return checkServices(s)
}
