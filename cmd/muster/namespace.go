// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
)

// namespaceCommand is `muster namespace` with what is under it.
func namespaceCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "namespace", Short: "Namespaces of orbs, the first part of their names"}
	cmd.AddCommand(namespaceCreateCommand(o), namespaceRenameCommand(o), namespaceDeleteCommand(o), namespaceForgetCommand(o))
	return cmd
}

func namespaceCreateCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "create name [organization]",
		Short:   "Create the namespace of an organization, which has at most one",
		Long:    "Creates a namespace for an organization, named by its slug or id. Without one the\nnamespace is the installation's own: for orbs from elsewhere, public ones only.",
		Example: "  muster namespace create acme gh/acme",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			n, err := s.CreateNamespace(cmd.Context(), api.NewNamespace{Name: args[0], Organization: argument(args[1:])})
			if err != nil {
				return err
			}
			return o.confirm(cmd, n, "Created the namespace %s.", n.Name)
		},
	}
}

func namespaceRenameCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "rename name new-name",
		Short: "Rename a namespace; the old name goes on leading to it",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			n, err := s.RenameNamespace(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return o.confirm(cmd, n, "%s is called %s now; configs that say %s go on working.", args[0], n.Name, args[0])
		},
	}
}

func namespaceDeleteCommand(o *options) *cobra.Command {
	var sure bool
	cmd := &cobra.Command{
		Use:   "delete name",
		Short: "Delete a namespace with all its orbs",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !sure {
				return fmt.Errorf("this deletes every orb of %s, and configs that use them fail; add --yes to do so", args[0])
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			if err := s.DeleteNamespace(cmd.Context(), args[0]); err != nil {
				return err
			}
			return o.confirm(cmd, api.Message{Message: "deleted"}, "Deleted the namespace %s.", args[0])
		},
	}
	cmd.Flags().BoolVar(&sure, "yes", false, "really do so")
	return cmd
}

func namespaceForgetCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "delete-alias name",
		Short: "Forget an old name of a namespace",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			if err := s.DeleteNamespaceAlias(cmd.Context(), args[0]); err != nil {
				return err
			}
			return o.confirm(cmd, api.Message{Message: "forgotten"}, "Nothing is called %s any more.", args[0])
		},
	}
}
