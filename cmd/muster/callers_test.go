// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/services/compile/configs"
	"github.com/muster-ci/muster/services/compile/orbs"
	"github.com/muster-ci/muster/services/coordinate/pipelines"
	"github.com/muster-ci/muster/services/coordinate/workflows"
	"github.com/muster-ci/muster/services/dispatch/placements"
	"github.com/muster-ci/muster/services/dispatch/queue"
	"github.com/muster-ci/muster/services/gather/output"
	"github.com/muster-ci/muster/services/gather/results"
	"github.com/muster-ci/muster/services/keep/identity"
	"github.com/muster-ci/muster/services/keep/projects"
)

// callers says who may call what. What is not in here is of the gateway, which
// speaks for people; what has no callers at all fails the test.
var callers = map[string][]string{
	"configs/compile":                     {"gateway", "pipelines"},
	"configs/fetch":                       {"pipelines"},
	"identity/authenticate":               {"gateway", "output"},
	"identity/issue-job-tokens":           {"output", "placements"},
	"identity/list-ssh-keys":              {"gateway", "placements"},
	"orbs/resolve-orb":                    {"configs", "gateway"},
	"output/close-attempts":               {"placements"},
	"output/open-archive":                 {"results"},
	"output/stop-output":                  {"placements"},
	"placements/claim":                    {"output"},
	"placements/containers":               {"output"},
	"placements/place":                    {"queue"},
	"placements/report-agents":            {"output"},
	"placements/stop-attempts":            {"queue"},
	"projects/reveal-variables":           {"placements"},
	"queue/cancel-tasks":                  {"workflows"},
	"pipelines/continuation-key":          {"placements"},
	"queue/claim-serials":                 {"workflows"},
	"queue/enqueue":                       {"workflows"},
	"queue/release-serials":               {"workflows"},
	"queue/report-attempts":               {"placements"},
	"queue/serials-waiting":               {"workflows"},
	"queue/waiting":                       {"gateway", "workflows"},
	"results/add-results":                 {"output"},
	"results/failed-tests":                {"workflows"},
	"results/test-timings":                {"output"},
	"workflows/cancel-pipeline-workflows": {"pipelines"},
	"workflows/create-workflows":          {"pipelines"},
	"workflows/pipeline-workflows":        {"gateway", "pipelines"},
	"workflows/report-serials":            {"queue"},
	"workflows/report-tasks":              {"queue"},
	"workflows/task-siblings":             {"output"},
	"workflows/task-specs":                {"placements", "queue"},
}

// TestCallers asks each route in the name of each service. A body that is no
// JSON tells those who are let in (400) from those who are not (403).
func TestCallers(t *testing.T) {
	t.Parallel()
	engine := httpx.NewEngine(hclog.NewNullLogger())
	only := httpx.OnlyServices(byName{}, "muster", serviceNames())
	for name, add := range map[string]routes{
		"configs": new(configs.Service).Routes, "pipelines": new(pipelines.Service).Routes,
		"workflows": new(workflows.Service).Routes, "placements": new(placements.Service).Routes,
		"orbs": new(orbs.Service).Routes, "queue": new(queue.Service).Routes, "output": new(output.Service).Routes,
		"results":  new(results.Service).Routes,
		"identity": new(identity.Service).Routes, "projects": new(projects.Service).Routes,
	} {
		add(engine.Group("/"+name+"/v1", only))
	}
	seen := map[string]bool{}
	for _, route := range engine.Routes() {
		name := strings.Replace(strings.TrimPrefix(route.Path, "/"), "/v1/", "/", 1)
		seen[name] = true
		want := callers[name]
		if want == nil {
			want = []string{"gateway"}
		}
		if diff := cmp.Diff(want, admitted(t, engine, route)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, service := range withLoops {
		if !seen[service+"/list-stuck"] || !seen[service+"/retry-stuck"] {
			t.Errorf("%s sets work aside and has no routes to see it: add httpx.StuckRoutes", service)
		}
		delete(seen, service+"/list-stuck")
	}
	for name := range seen {
		if strings.HasSuffix(name, "/list-stuck") {
			t.Errorf("%s is not asked: add its service to withLoops", name)
		}
	}
	for name := range callers {
		if !seen[name] {
			t.Errorf("there is no route %s", name)
		}
	}
}

// TestLoopsAreSeen looks for tables with work in the migrations.
func TestLoopsAreSeen(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../services/*/*/migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d migrations, %v", len(files), err)
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		service := filepath.Base(filepath.Dir(filepath.Dir(file)))
		if strings.Contains(string(text), "{{work_columns}}") && !slices.Contains(found, service) {
			found = append(found, service)
		}
	}
	slices.Sort(found)
	if diff := cmp.Diff(slices.Sorted(slices.Values(withLoops)), found); diff != "" {
		t.Errorf("services that administrators can ask for stuck work, and those that have any (-want +got):\n%s", diff)
	}
}

// admitted are the services that a route lets in, sorted.
func admitted(t *testing.T, engine http.Handler, route gin.RouteInfo) []string {
	t.Helper()
	var names []string
	for _, name := range serviceNames() {
		request := httptest.NewRequestWithContext(t.Context(), route.Method, route.Path, strings.NewReader("no JSON"))
		request.Header.Set("Authorization", "Bearer "+name)
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, request)
		switch answer.Code {
		case http.StatusBadRequest:
			names = append(names, name)
		case http.StatusForbidden:
		default:
			t.Errorf("%s called by %s: got status %d", route.Path, name, answer.Code)
		}
	}
	slices.Sort(names)
	return names
}

// byName takes a token for the name of the service that it proves.
type byName struct{}

func (byName) Verify(_ context.Context, token string) (workload.Claims, error) {
	return workload.Claims{JobID: token, Namespace: "muster"}, nil
}
