// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// statusCommand is `muster status`.
func statusCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [pipeline]",
		Short: "Show a pipeline with its jobs, or the newest pipelines",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return o.listPipelines(cmd, s)
			}
			p, err := o.pipelineOf(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			return o.showPipeline(cmd, s, p)
		},
	}
	o.withProject(cmd)
	return cmd
}

// listed is a pipeline with its workflows, as --json shows it.
type listed struct {
	api.Pipeline
	Workflows []workflowJobs `json:"workflows"`
}

type workflowJobs struct {
	api.Workflow
	Jobs  []api.WorkflowJob `json:"jobs,omitempty"`
	Usage []api.JobUsage    `json:"resource_usage,omitempty"`
}

// recent is how many pipelines a list shows: each takes a question for its
// workflows.
const recent = 10

func (o *options) listPipelines(cmd *cobra.Command, s *session) error {
	slug, err := o.slug(cmd.Context())
	if err != nil {
		return err
	}
	pipelines, err := s.ProjectPipelines(cmd.Context(), slug, "")
	if err != nil {
		return err
	}
	var items []listed
	for _, p := range pipelines[:min(len(pipelines), recent)] {
		item := listed{Pipeline: p, Workflows: []workflowJobs{}}
		workflows, err := workflowsOf(cmd.Context(), s, p.ID)
		if err != nil {
			return err
		}
		for _, w := range workflows {
			item.Workflows = append(item.Workflows, workflowJobs{Workflow: w})
		}
		items = append(items, item)
	}
	return show(cmd, o, items, []string{"PIPELINE", "STATUS", "BRANCH", "REVISION", "STARTED", "BY"}, pipelineRow)
}

func pipelineRow(p listed, style terminal.Style) []string {
	row := []string{strconv.FormatInt(p.Number, 10), style.Status(statusOf(p)), "", "", age(p.CreatedAt), terminal.Plain(p.Trigger.Actor.Login)}
	if p.VCS != nil {
		row[2] = terminal.Plain(first(p.VCS.Branch, p.VCS.Tag))
		row[3] = p.VCS.Revision[:min(len(p.VCS.Revision), 10)]
	}
	return row
}

// statusOf sums a pipeline up: the worst of its workflows, or its own state
// while it has none.
func statusOf(p listed) string {
	if len(p.Workflows) == 0 {
		return p.State
	}
	for _, status := range []string{"error", "unauthorized", "failed", "failing", "on_hold", "running", "canceled", "success"} {
		for _, w := range p.Workflows {
			if w.Status == status {
				return status
			}
		}
	}
	return p.Workflows[0].Status
}

func age(t time.Time) string {
	d := time.Since(t)
	if d > 24*time.Hour {
		return t.Local().Format(time.DateTime)
	}
	return terminal.Took(d.Truncate(time.Second)) + " ago"
}

func (o *options) showPipeline(cmd *cobra.Command, s *session, p api.Pipeline) error {
	item := listed{Pipeline: p, Workflows: []workflowJobs{}}
	workflows, err := workflowsOf(cmd.Context(), s, p.ID)
	if err != nil {
		return err
	}
	for _, w := range workflows {
		jobs, err := s.WorkflowJobs(cmd.Context(), w.ID)
		if err != nil {
			return err
		}
		// What jobs used is worth a look, not an error.
		used, _ := s.WorkflowUsage(cmd.Context(), w.ID)
		item.Workflows = append(item.Workflows, workflowJobs{Workflow: w, Jobs: jobs, Usage: used})
	}
	if o.json {
		return printJSON(cmd, item)
	}
	out := cmd.OutOrStdout()
	style := terminal.StyleOf(out)
	row := pipelineRow(item, style)
	fmt.Fprintf(out, "Pipeline %s of %s: %s\n  %s %s, %s by %s\n", row[0], p.ProjectSlug, row[1], row[2], row[3], row[4], row[5])
	for _, e := range p.Errors {
		fmt.Fprintf(out, "%s\n", terminal.Plain(e.Message))
	}
	for _, w := range item.Workflows {
		fmt.Fprintf(out, "\n%s: %s %s\n", style.Bold(terminal.Plain(w.Name)), style.Status(w.Status), style.Dim(terminal.Between(&w.CreatedAt, w.StoppedAt)))
		terminal.Table(out, style, jobRows(w.Jobs, style))
		hintTests(cmd.Context(), s, out, "", terminal.Failed(w.Jobs))
		showUsage(out, style, w.Usage)
	}
	return nil
}

func jobRows(jobs []api.WorkflowJob, style terminal.Style) [][]string {
	rows := [][]string{{"JOB", "NUMBER", "STATUS", "TIME", ""}}
	for _, j := range jobs {
		number := ""
		if j.JobNumber > 0 {
			number = strconv.FormatInt(j.JobNumber, 10)
		}
		rows = append(rows, []string{terminal.Plain(j.Name), number, style.Status(j.Status), terminal.Between(j.StartedAt, j.StoppedAt), terminal.Plain(j.Reason)})
	}
	return rows
}
