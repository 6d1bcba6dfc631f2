// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// usage is two minutes on a class that is far too large.
func usage() *core.ResourceUsage {
	return &core.ResourceUsage{
		Class: core.UsageLimit{Name: "xlarge", Cores: 8, Memory: 16 << 30}, Interval: time.Minute, Samples: 2,
		CPU: core.UsageStats{Average: 0.75, Peak: 1}, Memory: core.UsageStats{Average: 3 << 20, Peak: 4 << 20}, NetworkIn: 10, NetworkOut: 20,
		Series: &core.UsageSeries{CPU: []float64{0.5, 1}, Memory: []int64{2 << 20, 4 << 20}, Disk: []int64{0, 7}},
	}
}

// workflowOf triggers a pipeline and returns the path of its workflow.
func workflowOf(t *testing.T, s *gatewaytest.Server) string {
	t.Helper()
	p := triggered(t, s, "")
	return "/api/v2/workflow/" + get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+p.ID+"/workflow").Items[0].ID
}

func TestUseOfResources(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	s.Usage = usage()
	path := workflowOf(t, s)
	job := eventually(t, s, path, "build", "success")
	own := get[api.JobUsage](t, s, "/api/muster/v1/jobs/"+job.ID+"/resource-usage")
	if own.Name != job.Name || own.CPU != (api.UsageStats{Average: 0.75, Peak: 1}) || !strings.Contains(own.Hint, "a smaller resource class would do") || len(own.Tasks) != 1 {
		t.Errorf("got %+v", own)
	}
	v3 := get[api.V3[api.V3Usage]](t, s, "/api/v3/jobs/"+job.ID+"/resource-usage")
	want := api.V3Usage{
		Class: api.UsageClass{Name: "xlarge", Cores: 8, Memory: 16 << 30},
		Executions: []api.V3Execution{{UsageSeries: api.UsageSeries{
			Interval: 60_000, CPU: []float64{0.5, 1}, Memory: []int64{2 << 20, 4 << 20}, Disk: []int64{0, 7}, NetworkIn: 10, NetworkOut: 20,
		}}},
	}
	if diff := cmp.Diff(want, v3.Data.Attributes); diff != "" || v3.Data.ID != job.ID {
		t.Errorf("API v3 of %s (-want +got):\n%s", v3.Data.ID, diff)
	}
	list := get[api.List[api.JobUsage]](t, s, strings.Replace(path, "/api/v2/workflow/", "/api/muster/v1/workflows/", 1)+"/resource-usage")
	if len(list.Items) == 0 || list.Items[0].Tasks != nil || list.Items[0].Memory.Peak != 4<<20 {
		t.Errorf("of the workflow: got %+v", list)
	}
	s.Play()

	s = serve(t, hello)
	job = eventually(t, s, workflowOf(t, s), "build", "success")
	refused(t, send(t, s, http.MethodGet, "/api/muster/v1/jobs/"+job.ID+"/resource-usage", ""), http.StatusNotFound)
	refused(t, send(t, s, http.MethodGet, "/api/v3/jobs/"+core.NewID()+"/resource-usage", ""), http.StatusNotFound)
}
