// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// projectSetCommand is `muster project set`.
func projectSetCommand(o *options) *cobra.Command {
	var in api.AdvancedSettings
	cmd := &cobra.Command{
		Use:     "set",
		Short:   "Change settings of a project; without a flag show them",
		Example: "  muster project set --job-time-limit 90m\n  muster project set --block-new-work",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.onProject(cmd, func(s *session, slug string) error {
				if in == (api.AdvancedSettings{}) {
					all, err := s.ProjectSettings(cmd.Context(), slug)
					return o.settings(cmd, all.Advanced, err)
				}
				all, err := s.SetProjectSettings(cmd.Context(), slug, api.ProjectSettings{Advanced: in})
				return o.settings(cmd, all.Advanced, err)
			})
		},
	}
	optional(cmd, &in.AutocancelBuilds, "auto-cancel", "cancel older workflows of a branch when a newer pipeline of it starts")
	optional(cmd, &in.DisableSSH, "disable-ssh", "refuse reruns with SSH")
	optional(cmd, &in.ProtectCaches, "protect-caches", "let jobs of the default branch restore only what jobs of the default branch saved")
	optional(cmd, &in.BlockNewWork, "block-new-work", "refuse new pipelines and reruns; what runs goes on")
	timeLimit(cmd, &in.JobTimeLimit, "organization")
	return cmd
}

// organizationCommand is `muster organization` with what is under it.
func organizationCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "organization", Aliases: []string{"org"}, Short: "Settings that the projects of an organization share"}
	var in api.OrganizationSettings
	var concurrency int
	set := &cobra.Command{
		Use:     "set SLUG",
		Short:   "Change settings of an organization; without a flag show them",
		Example: "  muster organization set gh/acme --job-time-limit 3h --concurrency 20",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			if in == (api.OrganizationSettings{}) {
				all, err := s.OrganizationSettings(cmd.Context(), args[0])
				return o.settings(cmd, all, err)
			}
			all, err := s.SetOrganizationSettings(cmd.Context(), args[0], in)
			return o.settings(cmd, all, err)
		},
	}
	set.Flags().IntVar(&concurrency, "concurrency", 0, "tasks that may run at once; 0 for the installation's default")
	given(set, "concurrency", func() { in.Concurrency = &concurrency })
	optional(set, &in.BlockNewWork, "block-new-work", "refuse new pipelines and reruns in all projects; what runs goes on")
	timeLimit(set, &in.JobTimeLimit, "installation")
	cmd.AddCommand(set)
	return cmd
}

// optional adds a switch that is sent only when it is given.
func optional(cmd *cobra.Command, value **bool, name, usage string) {
	var v bool
	cmd.Flags().BoolVar(&v, name, false, usage)
	given(cmd, name, func() { *value = &v })
}

func timeLimit(cmd *cobra.Command, value **string, above string) {
	var v string
	cmd.Flags().StringVar(&v, "job-time-limit", "", "how long a job may run before it has timed out, such as 90m; 0s for the limit of the "+above)
	given(cmd, "job-time-limit", func() { *value = &v })
}

// given calls set before the command runs when the flag was given.
func given(cmd *cobra.Command, name string, set func()) {
	before := cmd.PreRun
	cmd.PreRun = func(cmd *cobra.Command, args []string) {
		if before != nil {
			before(cmd, args)
		}
		if cmd.Flags().Changed(name) {
			set()
		}
	}
}

// settings shows settings by their names in the API.
func (o *options) settings(cmd *cobra.Command, settings any, err error) error {
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(cmd, settings)
	}
	data, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	var byName map[string]any
	if err := json.Unmarshal(data, &byName); err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	return show(cmd, o, slices.Sorted(maps.Keys(byName)), []string{"SETTING", "VALUE"}, func(name string, _ terminal.Style) []string {
		return []string{name, fmt.Sprint(byName[name])}
	})
}
