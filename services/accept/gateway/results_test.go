// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// tested starts a gateway with a job that has tests.
func tested(t *testing.T) *gatewaytest.Server {
	t.Helper()
	s := serve(t, hello)
	s.TestList = core.TestList{
		Items: []core.Test{
			{Name: "a", ClassName: "A", File: "a.go", Result: core.TestSuccess, RunTime: 1.5, Source: "junit"},
			{Name: "b", Result: core.TestFailure, Message: "no", Source: "junit"},
			{Name: "c", Result: core.TestError, Source: "junit"},
		},
		Pending: 1, Problems: []core.TestProblem{{Index: 2, File: "x.xml", Message: "it ends in the middle"}},
	}
	w := "/api/v2/workflow/" + get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+triggered(t, s, "").ID+"/workflow").Items[0].ID
	eventually(t, s, w, "build", "success")
	return s
}

func TestJobTests(t *testing.T) {
	t.Parallel()
	s := tested(t)
	base := "/api/v2/project/" + slug + "/1/tests"
	first := get[api.TestList](t, s, base)
	want := api.Test{Name: "a", Classname: "A", File: "a.go", Result: "success", RunTime: 1.5, Source: "junit"}
	if len(first.Items) != 2 || first.NextPageToken == nil || first.Pending != 1 || len(first.Problems) != 1 || first.Problems[0].NodeIndex != 2 {
		t.Fatalf("got %+v", first)
	}
	if diff := cmp.Diff(want, first.Items[0]); diff != "" {
		t.Errorf("a test (-want +got):\n%s", diff)
	}
	second := get[api.TestList](t, s, base+"?page-token="+*first.NextPageToken)
	if len(second.Items) != 1 || second.Items[0].Name != "c" || second.NextPageToken != nil {
		t.Errorf("the second page: got %+v", second)
	}
	failed := get[api.TestList](t, s, base+"?failed=true")
	if len(failed.Items) != 2 || failed.Items[0].Name != "b" || failed.Items[1].Result != "error" {
		t.Errorf("failed: got %+v", failed)
	}
	refused(t, send(t, s, http.MethodGet, "/api/v2/project/"+slug+"/99/tests", ""), http.StatusNotFound)
	s.SetAway("JobTests", true)
	refused(t, send(t, s, http.MethodGet, base, ""), http.StatusServiceUnavailable)
}

func TestFlakyTests(t *testing.T) {
	t.Parallel()
	s := tested(t)
	w := get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+triggered(t, s, "").ID+"/workflow").Items[0]
	at := time.Date(2026, 4, 2, 9, 0, 0, 0, time.UTC)
	s.Flaky = []core.FlakyTest{
		{Name: "a", ClassName: "A", Times: 3, Wasted: 1.5, Workflow: core.WorkflowID(w.ID), WorkflowName: "main", JobName: "test", JobNumber: 7, PipelineNumber: 4, At: at},
		{Name: "b", Times: 1, Workflow: "00000000-0000-4000-8000-00000000dead", At: at},
	}
	got := get[api.FlakyTests](t, s, "/api/v2/insights/"+slug+"/flaky-tests")
	want := api.FlakyTests{TotalFlakyTests: 2, FlakyTests: []api.FlakyTest{
		{TestName: "a", Classname: "A", TimesFlaked: 3, TimeWasted: 1.5, WorkflowID: w.ID, WorkflowCreatedAt: w.CreatedAt, WorkflowName: "main", JobName: "test", JobNumber: 7, PipelineNumber: 4},
		{TestName: "b", TimesFlaked: 1, WorkflowID: "00000000-0000-4000-8000-00000000dead", WorkflowCreatedAt: at},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
