// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
)

// approveCommand is `muster approve`.
func approveCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve <pipeline> [job]",
		Short: "Approve a job that waits for it",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			p, err := o.pipelineOf(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			waiting, err := waitingJobs(cmd, s, p.ID)
			if err != nil {
				return err
			}
			job, err := chooseJob(waiting, args[1:], p.Number)
			if err != nil {
				return err
			}
			if err := s.Approve(cmd.Context(), job.workflow, job.ApprovalRequestID); err != nil {
				return err
			}
			return o.confirm(cmd, api.Message{Message: api.Accepted}, "Approved %s of pipeline %d.", job.Name, p.Number)
		},
	}
	o.withProject(cmd)
	return cmd
}

type waitingJob struct {
	api.WorkflowJob
	workflow string
}

func waitingJobs(cmd *cobra.Command, s *session, pipeline string) ([]waitingJob, error) {
	workflows, err := s.PipelineWorkflows(cmd.Context(), pipeline)
	if err != nil {
		return nil, err
	}
	var waiting []waitingJob
	for _, w := range workflows {
		jobs, err := s.WorkflowJobs(cmd.Context(), w.ID)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			if j.Status == "on_hold" && j.ApprovalRequestID != "" {
				waiting = append(waiting, waitingJob{j, w.ID})
			}
		}
	}
	return waiting, nil
}

// chooseJob takes the one that is named, or the only one there is.
func chooseJob(waiting []waitingJob, name []string, pipeline int64) (waitingJob, error) {
	var names []string
	for _, j := range waiting {
		if len(name) == 1 && j.Name == name[0] || len(name) == 0 && len(waiting) == 1 {
			return j, nil
		}
		names = append(names, j.Name)
	}
	switch {
	case len(waiting) == 0:
		return waitingJob{}, fmt.Errorf("no job of pipeline %d waits for approval", pipeline)
	case len(name) == 1:
		return waitingJob{}, fmt.Errorf("%s does not wait for approval in pipeline %d; %s does", name[0], pipeline, strings.Join(names, ", "))
	default:
		return waitingJob{}, fmt.Errorf("several jobs of pipeline %d wait for approval; name one: %s", pipeline, strings.Join(names, ", "))
	}
}
