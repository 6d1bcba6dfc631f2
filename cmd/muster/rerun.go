// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
)

// rerunCommand is `muster rerun`.
func rerunCommand(o *options) *cobra.Command {
	var request api.RerunRequest
	var name string
	var follow bool
	cmd := &cobra.Command{
		Use:     "rerun [pipeline]",
		Short:   "Run a workflow of a pipeline again, with the same commit and config",
		Example: "  muster rerun 12 --from-failed\n  muster rerun 12 --failed-tests\n  muster rerun 12 --workflow deploy --job publish\n  muster rerun 12 --job test --ssh",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.FromFailed = request.FromFailed || request.FailedTests
			s, err := o.connect()
			if err != nil {
				return err
			}
			p, err := o.pipelineOf(cmd.Context(), s, argument(args))
			if err != nil {
				return err
			}
			w, err := chooseWorkflow(cmd.Context(), s, p, name)
			if err != nil {
				return err
			}
			if request.Jobs, err = jobIDs(cmd.Context(), s, w, request.Jobs); err != nil {
				return err
			}
			rerun, err := s.Rerun(cmd.Context(), w.ID, request)
			if err != nil {
				return err
			}
			if err := o.confirm(cmd, rerun, "Running %s of pipeline %d again as workflow %s.", w.Name, p.Number, rerun.WorkflowID); err != nil || !follow {
				return err
			}
			return o.followPipeline(cmd, s, p.ID, p.Number, rerun.WorkflowID)
		},
	}
	o.withProject(cmd)
	cmd.Flags().BoolVar(&request.FromFailed, "from-failed", false, "keep what succeeded and run the rest")
	cmd.Flags().StringArrayVar(&request.Jobs, "job", nil, "name of a job to run with all that depend on it; may be repeated")
	cmd.Flags().StringVar(&name, "workflow", "", "name of the workflow, where a pipeline has several")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "follow the new workflow")
	cmd.Flags().BoolVar(&request.EnableSSH, "ssh", false, "let me log in to the jobs that --job names, with muster ssh")
	cmd.Flags().BoolVar(&request.FailedTests, "failed-tests", false, "keep what succeeded and have circleci tests run repeat only the tests that failed")
	cmd.MarkFlagsMutuallyExclusive("from-failed", "job")
	cmd.MarkFlagsMutuallyExclusive("failed-tests", "job")
	cmd.MarkFlagsMutuallyExclusive("from-failed", "ssh")
	return cmd
}

func chooseWorkflow(ctx context.Context, s *session, p api.Pipeline, name string) (api.Workflow, error) {
	workflows, err := workflowsOf(ctx, s, p.ID)
	if err != nil {
		return api.Workflow{}, err
	}
	var names []string
	for _, w := range workflows {
		if w.Name == name || name == "" && len(workflows) == 1 {
			return w, nil
		}
		names = append(names, w.Name)
	}
	if len(names) == 0 {
		return api.Workflow{}, fmt.Errorf("pipeline %d has no workflow to run again", p.Number)
	}
	if name != "" {
		return api.Workflow{}, fmt.Errorf("pipeline %d has no workflow %s; it has %s", p.Number, name, strings.Join(names, ", "))
	}
	return api.Workflow{}, fmt.Errorf("pipeline %d has several workflows; name one with --workflow: %s", p.Number, strings.Join(names, ", "))
}

// jobIDs looks up the ids of jobs by their names.
func jobIDs(ctx context.Context, s *session, w api.Workflow, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	jobs, err := s.WorkflowJobs(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for _, j := range jobs {
		known[j.Name] = j.ID
	}
	var ids []string
	for _, name := range names {
		if known[name] == "" {
			return nil, fmt.Errorf("workflow %s has no job %s", w.Name, name)
		}
		ids = append(ids, known[name])
	}
	return ids, nil
}
