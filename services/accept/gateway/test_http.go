// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

func (s *Service) testEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: v2 + "/project" + slugPath + "/:number/tests", summary: "List a job's tests", status: 200, query: []string{"failed", "page-token"}, out: api.TestList{}, serve: s.jobTests},
		{method: http.MethodGet, path: v2 + "/insights" + slugPath + "/flaky-tests", summary: "List a project's flaky tests, those that failed most first", status: 200, out: api.FlakyTests{}, serve: s.flakyTests},
	}
}

// jobTests answers GET /project/{slug}/{job-number}/tests.
func (s *Service) jobTests(r *request) (any, error) {
	job, _, err := s.job(r)
	if err != nil {
		return nil, err
	}
	list, err := s.deps.Peers.Results.JobTests(r.ctx(), core.TestFilter{Job: job.ID, Failed: r.query("failed") == "true", Page: r.page()})
	if err != nil {
		return nil, err
	}
	shown := api.TestList{Items: make([]api.Test, len(list.Items)), Pending: list.Pending}
	for i, t := range list.Items {
		shown.Items[i] = api.Test{Message: t.Message, Source: t.Source, RunTime: t.RunTime, File: t.File, Result: string(t.Result), Name: t.Name, Classname: t.ClassName}
	}
	for _, p := range list.Problems {
		shown.Problems = append(shown.Problems, api.TestProblem{NodeIndex: p.Index, File: p.File, Message: p.Message})
	}
	if list.Next != "" {
		shown.NextPageToken = &list.Next
	}
	return shown, nil
}

// flakyTests answers GET /insights/{slug}/flaky-tests.
func (s *Service) flakyTests(r *request) (any, error) {
	project, err := r.project()
	if err != nil {
		return nil, err
	}
	tests, err := s.deps.Peers.Results.FlakyTests(r.ctx(), project.ID)
	if err != nil {
		return nil, err
	}
	created, err := s.creations(r, tests)
	if err != nil {
		return nil, err
	}
	shown := api.FlakyTests{FlakyTests: make([]api.FlakyTest, len(tests)), TotalFlakyTests: len(tests)}
	for i, t := range tests {
		at, known := created[t.Workflow]
		if !known {
			at = t.At
		}
		shown.FlakyTests[i] = api.FlakyTest{
			TimeWasted: t.Wasted, WorkflowCreatedAt: at, WorkflowID: string(t.Workflow), Classname: t.ClassName,
			PipelineNumber: t.PipelineNumber, WorkflowName: t.WorkflowName, TestName: t.Name, JobName: t.JobName, JobNumber: t.JobNumber,
			TimesFlaked: t.Times, Source: t.Source, File: t.File,
		}
	}
	return shown, nil
}

// lookups is how many workflows are asked for side by side.
const lookups = 8

// creations are the times at which the workflows of flaky tests were created. A
// workflow that is not kept any more has none.
func (s *Service) creations(r *request, tests []core.FlakyTest) (map[core.WorkflowID]time.Time, error) {
	var mu sync.Mutex
	created, asked := map[core.WorkflowID]time.Time{}, map[core.WorkflowID]bool{}
	group, ctx := errgroup.WithContext(r.ctx())
	group.SetLimit(lookups)
	for _, t := range tests {
		if asked[t.Workflow] {
			continue
		}
		asked[t.Workflow] = true
		group.Go(func() error {
			w, err := s.deps.Peers.Workflows.Workflow(ctx, t.Workflow)
			if core.ErrorCode(err) == core.CodeNotFound {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			created[t.Workflow] = w.CreatedAt
			return nil
		})
	}
	return created, group.Wait()
}
