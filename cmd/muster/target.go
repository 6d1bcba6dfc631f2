// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/internal/api"
)

// pipelineOf finds the pipeline that an argument names: a number in the
// project, an id, or nothing for the newest one.
func (o *options) pipelineOf(ctx context.Context, s *session, argument string) (api.Pipeline, error) {
	if strings.Count(argument, "-") == 4 {
		return s.Pipeline(ctx, argument)
	}
	slug, err := o.slug(ctx)
	if err != nil {
		return api.Pipeline{}, err
	}
	if argument == "" {
		pipelines, err := s.ProjectPipelines(ctx, slug, "")
		if err != nil {
			return api.Pipeline{}, err
		}
		if len(pipelines) == 0 {
			return api.Pipeline{}, fmt.Errorf("%s has had no pipeline yet; `muster run` starts one", slug)
		}
		return pipelines[0], nil
	}
	number, err := parseNumber(argument)
	if err != nil {
		return api.Pipeline{}, err
	}
	return s.PipelineByNumber(ctx, slug, number)
}

// jobOf finds a job by its number in the project.
func (o *options) jobOf(ctx context.Context, s *session, argument string) (api.Job, error) {
	number, err := parseNumber(argument)
	if err != nil {
		return api.Job{}, err
	}
	slug, err := o.slug(ctx)
	if err != nil {
		return api.Job{}, err
	}
	return s.Job(ctx, slug, number)
}

func parseNumber(text string) (int64, error) {
	number, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 63)
	if err != nil || number < 1 {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return number, nil
}

// argument is the only argument of a command that takes at most one.
func argument(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// workflowsOf are a pipeline's workflows, the newest run of each name, as they
// began.
func workflowsOf(ctx context.Context, s *session, pipeline string) ([]api.Workflow, error) {
	workflows, err := s.PipelineWorkflows(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	var newest []api.Workflow
	seen := map[string]bool{}
	for _, w := range workflows { // newest first
		if !seen[w.Name] {
			seen[w.Name] = true
			newest = append([]api.Workflow{w}, newest...)
		}
	}
	return newest, nil
}
