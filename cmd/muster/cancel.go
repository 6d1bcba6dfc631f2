// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
)

// cancelCommand is `muster cancel`.
func cancelCommand(o *options) *cobra.Command {
	var job, workflow string
	cmd := &cobra.Command{
		Use:     "cancel [pipeline]",
		Short:   "Cancel a pipeline, a workflow or a job",
		Example: "  muster cancel 12\n  muster cancel --job 31",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && job == "" && workflow == "" {
				return errors.New("cancel what? Name a pipeline, --workflow or --job")
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			what, err := o.cancel(cmd, s, argument(args), job, workflow)
			if err != nil {
				return err
			}
			return o.confirm(cmd, api.Message{Message: api.Accepted}, "Canceling %s.", what)
		},
	}
	o.withProject(cmd)
	cmd.Flags().StringVar(&job, "job", "", "number of a job")
	cmd.Flags().StringVar(&workflow, "workflow", "", "id of a workflow")
	cmd.MarkFlagsMutuallyExclusive("job", "workflow")
	return cmd
}

func (o *options) cancel(cmd *cobra.Command, s *session, pipeline, job, workflow string) (what string, err error) {
	switch {
	case job != "":
		j, err := o.jobOf(cmd.Context(), s, job)
		if err != nil {
			return "", err
		}
		return "job " + job, s.CancelJob(cmd.Context(), j.ID)
	case workflow != "":
		return "workflow " + workflow, s.CancelWorkflow(cmd.Context(), workflow)
	default:
		p, err := o.pipelineOf(cmd.Context(), s, pipeline)
		if err != nil {
			return "", err
		}
		return "pipeline " + pipeline, s.CancelPipeline(cmd.Context(), p.ID)
	}
}
