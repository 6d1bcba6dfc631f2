// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/terminal"
)

// followPipeline shows a pipeline until its end, and returns a failure when it
// did not succeed.
//
// With a workflow it shows only that one, such as a rerun.
func (o *options) followPipeline(cmd *cobra.Command, s *session, id string, number int64, workflow string) error {
	follower := terminal.NewFollower(cmd.OutOrStdout(), terminal.StyleOf(cmd.OutOrStdout()))
	follower.Hint = func(job api.JobEvent) string {
		return fmt.Sprintf("muster approve %d %s", number, job.Name)
	}
	err := s.FollowPipeline(cmd.Context(), id, only(workflow, o.shower(cmd, follower)))
	if errors.Is(err, context.Canceled) {
		return failure{exitTrouble, fmt.Sprintf("stopped following; pipeline %d goes on. `muster cancel %d` ends it, `muster logs -f --pipeline %d` follows it again", number, number, number)}
	}
	if err != nil {
		return err
	}
	if !o.json {
		follower.Summary()
		style := terminal.StyleOf(cmd.OutOrStdout())
		fmt.Fprintf(cmd.OutOrStdout(), "Pipeline %d: %s in %s\n", number, style.Status(follower.Status()), terminal.Took(follower.Elapsed()))
		for _, failed := range follower.Failed() {
			fmt.Fprintf(cmd.OutOrStdout(), "  muster logs %d\n", failed.JobNumber)
		}
		hintTests(cmd.Context(), s, cmd.OutOrStdout(), "  ", follower.Failed())
	}
	return outcome(follower.Status())
}

// followJob shows one job until its end.
func (o *options) followJob(cmd *cobra.Command, s *session, job api.Job) error {
	follower := terminal.NewFollower(cmd.OutOrStdout(), terminal.StyleOf(cmd.OutOrStdout()))
	err := s.FollowJob(cmd.Context(), job.ID, o.shower(cmd, follower))
	if errors.Is(err, context.Canceled) {
		return failure{exitTrouble, fmt.Sprintf("stopped following; job %d goes on. `muster cancel --job %d` ends it", job.Number, job.Number)}
	}
	if err != nil {
		return err
	}
	if !o.json {
		hintTests(cmd.Context(), s, cmd.ErrOrStderr(), "", follower.Failed())
	}
	return outcome(follower.Status())
}

// shower shows events as text, or prints them as JSON lines.
func (o *options) shower(cmd *cobra.Command, follower *terminal.Follower) func(client.Event) error {
	if !o.json {
		return follower.Show
	}
	return func(e client.Event) error {
		if e.End != nil {
			_ = follower.Show(e) // keeps the status
		}
		name, data := named(e)
		return printJSON(cmd, map[string]any{"event": name, "data": data})
	}
}

// only lets through what belongs to a workflow, everything for "".
func only(workflow string, show func(client.Event) error) func(client.Event) error {
	jobs := map[string]bool{}
	return func(e client.Event) error {
		mine := true
		switch {
		case workflow == "":
		case e.Workflow != nil:
			mine = e.Workflow.ID == workflow
		case e.Job != nil:
			mine = e.Job.WorkflowID == workflow
			jobs[e.Job.ID] = mine
		case e.Step != nil:
			mine = jobs[e.Step.JobID]
		case e.Output != nil:
			mine = jobs[e.Output.JobID]
		}
		if !mine {
			return nil
		}
		return show(e)
	}
}

// named is an event as it is on the wire.
func named(e client.Event) (string, any) {
	switch {
	case e.Pipeline != nil:
		return api.EventPipeline, e.Pipeline
	case e.Workflow != nil:
		return api.EventWorkflow, e.Workflow
	case e.Job != nil:
		return api.EventJob, e.Job
	case e.Step != nil:
		return api.EventStep, e.Step
	case e.Output != nil:
		return api.EventOutput, e.Output
	default:
		return api.EventEnd, e.End
	}
}

// outcome is nil for success. A pipeline in which nothing was to be done has
// not failed either.
func outcome(status string) error {
	switch status {
	case "success", "not_run":
		return nil
	default:
		return failure{code: exitFailed}
	}
}
