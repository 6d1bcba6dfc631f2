// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

func orbCreateCommand(o *options) *cobra.Command {
	var private bool
	cmd := &cobra.Command{
		Use:   "create namespace/orb",
		Short: "Create an orb; it has no versions yet",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onOrb(args[0], func(s *session, ref orbRef) error {
				orb, err := s.CreateOrb(cmd.Context(), api.NewOrb{Name: ref.String(), Private: private})
				if err != nil {
					return err
				}
				return o.confirm(cmd, orb, "Created %s. Publish a version with `muster orb publish orb.yml %s@dev:first`.", orb.Name, orb.Name)
			})
		},
	}
	cmd.Flags().BoolVar(&private, "private", false, "only for the organization that the namespace belongs to")
	return cmd
}

func orbPublishCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "publish path namespace/orb@version",
		Short: "Publish a version: dev:label, which may be published again, or a release such as 1.2.3",
		Long: `Publishes a version of an orb. The path is that of a file, "-" for standard input,
or a folder with an unpacked orb.

A dev version (dev:label) may be published again and expires 90 days after it was
last published, unless the installation says otherwise. A release (1.2.3) never
changes, and needs an administrator.`,
		Example: "  muster orb publish src acme/go@dev:me\n  muster orb publish orb.yml acme/go@1.2.3",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onOrb(args[1], func(s *session, ref orbRef) error {
				if ref.version == "" {
					return fmt.Errorf("which version of %s? Write %s@dev:label or %s@1.2.3; `muster orb increment` picks the next one", ref, ref, ref)
				}
				return o.publishOrb(cmd, s, args[0], ref, api.PublishOrb{Version: ref.version})
			})
		},
	}
}

func orbIncrementCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "increment path namespace/orb major|minor|patch",
		Short: "Release the version after the highest one",
		Args:  cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onOrb(args[1], func(s *session, ref orbRef) error {
				return o.publishOrb(cmd, s, args[0], ref, api.PublishOrb{Increment: args[2]})
			})
		},
	}
}

// publishOrb publishes with a key of its own, so that an answer that gets lost
// on the way can be asked for again without a second release.
func (o *options) publishOrb(cmd *cobra.Command, s *session, path string, ref orbRef, p api.PublishOrb) error {
	source, err := orbSource(cmd, path)
	if err != nil {
		return err
	}
	p.Source = source
	v, err := s.PublishOrb(cmd.Context(), ref.namespace, ref.orb, p, core.NewID())
	if err != nil {
		return err
	}
	return o.confirmVersion(cmd, v)
}

func (o *options) confirmVersion(cmd *cobra.Command, v api.OrbVersion) error {
	if v.ExpiresAt != nil {
		return o.confirm(cmd, v, "Published %s@%s. It expires on %s.", v.Orb, v.Version, v.ExpiresAt.Format("2006-01-02"))
	}
	return o.confirm(cmd, v, "Published %s@%s.", v.Orb, v.Version)
}

func orbPromoteCommand(o *options) *cobra.Command {
	var version string
	cmd := &cobra.Command{
		Use:     "promote namespace/orb@dev:label [major|minor|patch]",
		Short:   "Release what a dev version holds, as the version after the highest one",
		Example: "  muster orb promote acme/go@dev:me patch\n  muster orb promote acme/go@dev:me --to 2.0.0",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.onOrb(args[0], func(s *session, ref orbRef) error {
				p := api.PromoteOrb{From: ref.version, Version: version}
				if len(args) == 2 {
					p.Increment = args[1]
				}
				v, err := s.PromoteOrb(cmd.Context(), ref.namespace, ref.orb, p, core.NewID())
				if err != nil {
					return err
				}
				return o.confirmVersion(cmd, v)
			})
		},
	}
	cmd.Flags().StringVar(&version, "to", "", "the exact version, instead of the part to increment")
	return cmd
}
