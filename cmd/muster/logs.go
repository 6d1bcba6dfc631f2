// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/terminal"
)

const logsHelp = `Shows what a job wrote, or with --pipeline what all jobs of a pipeline wrote.
Without either it is the newest pipeline of the project.

With -f it goes on as more is written, and the exit code is that of the job or
the pipeline. With --raw the bytes are shown as they were written, without
headings and with whatever a terminal would act on.`

// logsCommand is `muster logs`.
func logsCommand(o *options) *cobra.Command {
	var follow, raw bool
	var pipeline string
	cmd := &cobra.Command{
		Use:   "logs [job number]",
		Short: "Show the output of a job or a pipeline",
		Long:  logsHelp,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && pipeline != "" {
				return errors.New("name a job or a pipeline, not both")
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			l := &logs{options: o, cmd: cmd, session: s, raw: raw}
			if len(args) == 1 {
				job, err := o.jobOf(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				if follow {
					return o.followJob(cmd, s, job)
				}
				err = l.job(job.ID)
				l.hint(api.WorkflowJob{JobNumber: job.Number, ProjectSlug: job.Project.Slug, Status: job.Status})
				return err
			}
			p, err := o.pipelineOf(cmd.Context(), s, pipeline)
			if err != nil {
				return err
			}
			if follow {
				return o.followPipeline(cmd, s, p.ID, p.Number, "")
			}
			return l.pipeline(p)
		},
	}
	o.withProject(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as more is written")
	cmd.Flags().StringVar(&pipeline, "pipeline", "", "number or id of a pipeline")
	cmd.Flags().BoolVar(&raw, "raw", false, "the bytes as they were written")
	cmd.MarkFlagsMutuallyExclusive("follow", "raw")
	return cmd
}

// logs shows what there is and does not wait for more.
type logs struct {
	*options
	cmd     *cobra.Command
	session *session
	raw     bool
}

func (l *logs) pipeline(p api.Pipeline) error {
	for _, e := range p.Errors {
		fmt.Fprintln(l.cmd.OutOrStdout(), terminal.Plain(e.Message))
	}
	workflows, err := workflowsOf(l.cmd.Context(), l.session, p.ID)
	if err != nil {
		return err
	}
	for _, w := range workflows {
		jobs, err := l.session.WorkflowJobs(l.cmd.Context(), w.ID)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if job.JobNumber == 0 {
				continue
			}
			if err := l.job(job.ID); err != nil {
				return err
			}
		}
		l.hint(jobs...)
	}
	return nil
}

// hint is no part of what the jobs wrote.
func (l *logs) hint(jobs ...api.WorkflowJob) {
	if !l.json && !l.raw {
		hintTests(l.cmd.Context(), l.session, l.cmd.ErrOrStderr(), "", terminal.Failed(jobs))
	}
}

// job replays what is known of a job as if it was followed.
func (l *logs) job(id string) error {
	steps, err := l.session.JobSteps(l.cmd.Context(), id)
	if err != nil {
		return err
	}
	show := l.shower(l.cmd, terminal.NewFollower(l.cmd.OutOrStdout(), terminal.StyleOf(l.cmd.OutOrStdout())))
	job := api.JobEvent{
		WorkflowJob: api.WorkflowJob{ID: steps.JobID, Name: steps.Name, JobNumber: steps.Number, Status: steps.Status, Reason: steps.Reason, Dependencies: []string{}},
		Parallelism: len(steps.Tasks),
	}
	if !l.raw {
		if err := show(client.Event{Job: &job}); err != nil {
			return err
		}
	}
	for _, task := range steps.Tasks {
		for i, attempt := range task.Attempts {
			place := api.Place{JobID: id, TaskIndex: task.Index, AttemptID: attempt.ID, Attempt: attempt.Number}
			for _, step := range attempt.Steps {
				if err := l.step(show, place, step); err != nil {
					return err
				}
			}
			// The reason of the last one is in the line of the job.
			if last := i == len(task.Attempts)-1; !last && !l.raw {
				l.gone(attempt)
			}
		}
	}
	return nil
}

// gone says why an attempt was not the last.
func (l *logs) gone(a api.AttemptSteps) {
	out := l.cmd.OutOrStdout()
	line := fmt.Sprintf("   attempt %d: %s", a.Number, terminal.StyleOf(out).Status(a.Status))
	if a.Reason != "" {
		line += ": " + terminal.Plain(a.Reason)
	}
	fmt.Fprintln(out, line)
}

func (l *logs) step(show func(client.Event) error, place api.Place, step api.Step) error {
	begun := step
	begun.Status = "running"
	if !l.raw {
		if err := show(client.Event{Step: &api.StepEvent{Place: place, Step: begun}}); err != nil {
			return err
		}
	}
	if step.Bytes > 0 {
		body, err := l.session.Output(l.cmd.Context(), place.JobID, place.TaskIndex, step.Number, place.Attempt)
		if err != nil {
			return err
		}
		defer body.Close()
		if err := l.copy(show, place, step.Number, body); err != nil {
			return err
		}
	}
	if l.raw || step.StoppedAt == nil {
		return nil
	}
	return show(client.Event{Step: &api.StepEvent{Place: place, Step: step}})
}

func (l *logs) copy(show func(client.Event) error, place api.Place, step int, body io.Reader) error {
	if l.raw {
		_, err := io.Copy(l.cmd.OutOrStdout(), body)
		return err
	}
	var offset int64
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			event := api.OutputEvent{Place: place, Step: step, Offset: offset, Base64: buf[:n]}
			if err := show(client.Event{Output: &event}); err != nil {
				return err
			}
			offset += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the output: %w", err)
		}
	}
}
