// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// cacheCommand is `muster cache` with what is under it.
func cacheCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "cache", Short: "List and clear the caches of a project"}
	o.withProject(cmd)
	cmd.AddCommand(cacheListCommand(o), cacheClearCommand(o))
	return cmd
}

func cacheListCommand(o *options) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use: "list [slug]", Short: "List a project's caches, newest first", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.project = first(append(args, o.project)...)
			return o.onProject(cmd, func(s *session, slug string) error {
				caches, err := s.Caches(cmd.Context(), slug, prefix)
				if err != nil {
					return err
				}
				return show(cmd, o, caches, []string{"KEY", "BYTES", "KEPT", "EXPIRES", "OF"}, func(c api.Cache, _ terminal.Style) []string {
					expires := "never"
					if c.ExpiresAt != nil {
						expires = c.ExpiresAt.Local().Format(time.DateTime)
					}
					return []string{terminal.Plain(c.Key), strconv.FormatInt(c.Size, 10), c.CreatedAt.Local().Format(time.DateTime), expires, terminal.Plain(c.Fork + c.Ref)}
				})
			})
		},
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only caches whose keys begin so")
	return cmd
}

func cacheClearCommand(o *options) *cobra.Command {
	var prefix string
	var everything bool
	cmd := &cobra.Command{
		Use: "clear [slug]", Short: "Clear caches of a project: the next jobs make them anew", Args: cobra.MaximumNArgs(1),
		Example: "  muster cache clear --prefix npm-",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (prefix == "") != everything {
				return errors.New("say which caches are to go: --prefix with the beginning of their keys, or --all")
			}
			o.project = first(append(args, o.project)...)
			return o.onProject(cmd, func(s *session, slug string) error {
				cleared, err := s.ClearCaches(cmd.Context(), slug, prefix)
				if err != nil {
					return err
				}
				return o.confirm(cmd, cleared, "Cleared %d caches of %s.", cleared.Cleared, slug)
			})
		},
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "caches whose keys begin so")
	cmd.Flags().BoolVar(&everything, "all", false, "all caches of the project")
	return cmd
}
