// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// orbCommand is `muster orb` with what is under it.
func orbCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "orb", Short: "Write, publish and find orbs"}
	cmd.AddCommand(
		orbPackCommand(), orbCheckCommand(o, false), orbCheckCommand(o, true),
		orbCreateCommand(o), orbPublishCommand(o), orbIncrementCommand(o), orbPromoteCommand(o), orbImportCommand(o),
		orbListCommand(o), orbInfoCommand(o), orbSourceCommand(o), orbDiffCommand(o),
		orbUnlistCommand(o), orbCategoriesCommand(o), orbCategoryCommand(o, true), orbCategoryCommand(o, false),
		orbAllowCommand(o), orbAllowedCommand(o), orbDisallowCommand(o),
	)
	return cmd
}

// orbRef is a parsed "namespace/orb" or "namespace/orb@version".
type orbRef struct{ namespace, orb, version string }

func (r orbRef) String() string {
	if r.version == "" {
		return r.namespace + "/" + r.orb
	}
	return r.namespace + "/" + r.orb + "@" + r.version
}

func parseOrbRef(text string) (orbRef, error) {
	name, version, _ := strings.Cut(text, "@")
	namespace, orb, ok := strings.Cut(name, "/")
	if !ok || namespace == "" || orb == "" || strings.Contains(orb, "/") {
		return orbRef{}, fmt.Errorf("%q is not the name of an orb; write namespace/orb, or namespace/orb@version", text)
	}
	return orbRef{namespace, orb, version}, nil
}

// onOrb connects and reads the first argument as a reference.
func (o *options) onOrb(text string, do func(s *session, ref orbRef) error) error {
	ref, err := parseOrbRef(text)
	if err != nil {
		return err
	}
	s, err := o.connect()
	if err != nil {
		return err
	}
	return do(s, ref)
}

func orbListCommand(o *options) *cobra.Command {
	var private, unlisted bool
	var search, category string
	cmd := &cobra.Command{
		Use:   "list [namespace]",
		Short: "List orbs",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			filter := url.Values{}
			for key, value := range map[string]string{"namespace": argument(args), "search": search, "category": category} {
				if value != "" {
					filter.Set(key, value)
				}
			}
			if private {
				filter.Set("private", "true")
			}
			if unlisted {
				filter.Set("unlisted", "true")
			}
			orbs, err := s.Orbs(cmd.Context(), filter)
			if err != nil {
				return err
			}
			return show(cmd, o, orbs, []string{"ORB", "VERSION", "DESCRIPTION"}, func(orb api.Orb, _ terminal.Style) []string {
				return []string{orb.Name, first(orb.Latest, "none released"), terminal.FirstLine(orb.Description)}
			})
		},
	}
	cmd.Flags().BoolVar(&private, "private", false, "the private orbs of the namespace")
	cmd.Flags().BoolVar(&unlisted, "unlisted", false, "unlisted ones too")
	cmd.Flags().StringVar(&search, "search", "", "only those with this in their name or description")
	cmd.Flags().StringVar(&category, "category", "", "only those of a category")
	return cmd
}

func orbInfoCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "info namespace/orb",
		Short: "Show an orb with its versions",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onOrb(args[0], func(s *session, ref orbRef) error {
				orb, err := s.Orb(cmd.Context(), ref.namespace, ref.orb)
				if err != nil {
					return err
				}
				versions, err := s.OrbVersions(cmd.Context(), ref.namespace, ref.orb)
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(cmd, struct {
						api.Orb
						Versions []api.OrbVersion `json:"versions"`
					}{orb, versions})
				}
				printOrb(cmd, orb, versions)
				return nil
			})
		},
	}
}

func printOrb(cmd *cobra.Command, orb api.Orb, versions []api.OrbVersion) {
	out := cmd.OutOrStdout()
	kind := "public"
	if orb.Private {
		kind = "private"
	}
	if !orb.Listed {
		kind += ", unlisted"
	}
	fmt.Fprintf(out, "%s (%s), created %s\n", orb.Name, kind, orb.CreatedAt.Format("2006-01-02"))
	if orb.Description != "" {
		fmt.Fprintln(out, terminal.Plain(strings.TrimSpace(orb.Description)))
	}
	fmt.Fprintf(out, "Latest:     %s\n", first(orb.Latest, "none released"))
	fmt.Fprintf(out, "Categories: %s\n", first(strings.Join(orb.Categories, ", "), "none"))
	const most = 20
	for i, v := range versions {
		if i == most {
			fmt.Fprintf(out, "  and %d more; --json has all\n", len(versions)-most)
			break
		}
		until := ""
		if v.ExpiresAt != nil {
			until = ", expires " + v.ExpiresAt.Format("2006-01-02")
		}
		fmt.Fprintf(out, "  %s  published %s%s\n", v.Version, v.CreatedAt.Format("2006-01-02 15:04"), until)
	}
}

func orbSourceCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "source namespace/orb[@version]",
		Short: "Print the source of an orb; without a version that of the highest release",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onOrb(args[0], func(s *session, ref orbRef) error {
				v, err := s.OrbVersion(cmd.Context(), ref.namespace, ref.orb, ref.version)
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(cmd, v)
				}
				_, err = fmt.Fprint(cmd.OutOrStdout(), v.Source)
				return err
			})
		},
	}
}

func orbUnlistCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "unlist namespace/orb [true|false]",
		Short: "Take an orb out of lists, or with false put it back; it can be used all the same",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			listed := len(args) == 2 && args[1] == "false"
			if len(args) == 2 && args[1] != "true" && args[1] != "false" {
				return fmt.Errorf("%q is neither true nor false", args[1])
			}
			return o.onOrb(args[0], func(s *session, ref orbRef) error {
				orb, err := s.ChangeOrb(cmd.Context(), ref.namespace, ref.orb, api.OrbChange{Listed: &listed})
				if err != nil {
					return err
				}
				return o.confirm(cmd, orb, "%s is %s.", orb.Name, map[bool]string{true: "listed", false: "no longer listed"}[orb.Listed])
			})
		},
	}
}

func orbCategoriesCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list-categories",
		Short: "List the categories of orbs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			names, err := s.OrbCategories(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, o, names, []string{"CATEGORY"}, func(name string, _ terminal.Style) []string { return []string{name} })
		},
	}
}

func orbCategoryCommand(o *options, add bool) *cobra.Command {
	use, short := "remove-from-category", "Take an orb out of a category"
	if add {
		use, short = "add-to-category", "Put an orb into a category; it may be in two"
	}
	return &cobra.Command{
		Use:   use + " namespace/orb CATEGORY",
		Short: short,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := api.OrbChange{RemoveCategory: args[1]}
			if add {
				change = api.OrbChange{AddCategory: args[1]}
			}
			return o.onOrb(args[0], func(s *session, ref orbRef) error {
				orb, err := s.ChangeOrb(cmd.Context(), ref.namespace, ref.orb, change)
				if err != nil {
					return err
				}
				return o.confirm(cmd, orb, "%s is in: %s.", orb.Name, first(strings.Join(orb.Categories, ", "), "no category"))
			})
		},
	}
}
