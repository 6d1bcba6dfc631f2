// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/terminal"
)

func orbDiffCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "diff namespace/orb version version|path",
		Short: "Show what differs between two versions, or a version and a file or folder",
		Long: `Shows in the form of diff -u what differs between two versions of an orb. In place
of the second one a file or a folder with an unpacked orb may be named, with "./"
in front where it could be taken for a version. The exit code is 1 when something
differs.`,
		Example: "  muster orb diff acme/go 1.0.0 1.1.0\n  muster orb diff acme/go volatile ./src",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onOrb(args[0], func(s *session, ref orbRef) error {
				before, name, err := o.orbSide(cmd, s, ref, args[1])
				if err != nil {
					return err
				}
				after, other, err := o.orbSide(cmd, s, ref, args[2])
				if err != nil {
					return err
				}
				if before == after {
					return nil
				}
				fmt.Fprint(cmd.OutOrStdout(), terminal.Plain(udiff.Unified(name, other, before, after)))
				return failure{exitFailed, ""}
			})
		},
	}
}

// orbSide is one side of a comparison: a version or a path.
func (o *options) orbSide(cmd *cobra.Command, s *session, ref orbRef, text string) (source, name string, err error) {
	if strings.ContainsAny(text, `/\`) && !strings.HasPrefix(text, "dev:") || text == "." || text == "-" {
		source, err = orbSource(cmd, text)
		return source, text, err
	}
	v, err := s.OrbVersion(cmd.Context(), ref.namespace, ref.orb, text)
	return v.Source, v.Orb + "@" + v.Version, err
}
