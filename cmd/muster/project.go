// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
	"github.com/muster-ci/muster/internal/worktree"
)

// projectCommand is `muster project` with what is under it.
func projectCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "project", Short: "Create and list projects, set their variables"}
	o.withProject(cmd)
	env := &cobra.Command{Use: "env", Short: "Environment variables of a project"}
	env.AddCommand(envSetCommand(o), envListCommand(o), envDeleteCommand(o))
	cmd.AddCommand(projectCreateCommand(o), projectListCommand(o), projectSetCommand(o), env)
	return cmd
}

func projectCreateCommand(o *options) *cobra.Command {
	var p api.NewProject
	cmd := &cobra.Command{
		Use:   "create [slug]",
		Short: "Create a project; by default that of the git repository you are in",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.project = first(append(args, o.project)...)
			slug, err := o.slug(cmd.Context())
			if err != nil {
				return err
			}
			if p.RepositoryURL == "" && len(args) == 0 {
				if tree, err := worktree.Open(cmd.Context(), "."); err == nil {
					p.RepositoryURL = tree.WebURL()
				}
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			created, err := s.CreateProject(cmd.Context(), slug, p)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd, created)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Created project %s.\n", created.Slug)
			return nil
		},
	}
	cmd.Flags().StringVar(&p.RepositoryURL, "repository", "", "address that git clones (default: the remote of the repository you are in)")
	cmd.Flags().StringVar(&p.DefaultBranch, "default-branch", "", "default branch (default main)")
	cmd.Flags().BoolVar(&p.AutoCancel, "auto-cancel", false, "cancel older workflows of a branch when a newer pipeline of it starts")
	return cmd
}

func projectListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List projects",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			projects, err := s.Projects(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, o, projects, []string{"PROJECT", "BRANCH", "REPOSITORY"}, func(p api.Project, _ terminal.Style) []string {
				return []string{p.Slug, p.VCSInfo.DefaultBranch, p.VCSInfo.VCSURL}
			})
		},
	}
}

func envSetCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "set NAME [VALUE]",
		Short:   "Set an environment variable; without VALUE it is read from standard input",
		Example: "  muster project env set NPM_TOKEN < token",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			v := api.Variable{Name: args[0]}
			if len(args) == 2 {
				v.Value = args[1]
			} else {
				data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 64<<10))
				if err != nil {
					return fmt.Errorf("reading the value: %w", err)
				}
				v.Value = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
			}
			return o.onProject(cmd, func(s *session, slug string) error {
				set, err := s.SetVariable(cmd.Context(), slug, v)
				if err != nil {
					return err
				}
				return o.confirm(cmd, set, "Set %s to %s in %s.", set.Name, set.Value, slug)
			})
		},
	}
}

func envListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List environment variables with masked values",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.onProject(cmd, func(s *session, slug string) error {
				variables, err := s.Variables(cmd.Context(), slug)
				if err != nil {
					return err
				}
				return show(cmd, o, variables, []string{"NAME", "VALUE"}, func(v api.Variable, _ terminal.Style) []string {
					return []string{v.Name, v.Value}
				})
			})
		},
	}
}

func envDeleteCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an environment variable",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onProject(cmd, func(s *session, slug string) error {
				if err := s.DeleteVariable(cmd.Context(), slug, args[0]); err != nil {
					return err
				}
				return o.confirm(cmd, api.Message{Message: "deleted"}, "Deleted %s from %s.", args[0], slug)
			})
		},
	}
}

// onProject connects and finds out which project is meant.
func (o *options) onProject(cmd *cobra.Command, do func(s *session, slug string) error) error {
	s, err := o.connect()
	if err != nil {
		return err
	}
	slug, err := o.slug(cmd.Context())
	if err != nil {
		return err
	}
	if _, err := core.ParseProjectSlug(slug); err != nil {
		return err
	}
	return do(s, slug)
}

// confirm says that something was done.
func (o *options) confirm(cmd *cobra.Command, value any, format string, args ...any) error {
	if o.json {
		return printJSON(cmd, value)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}
