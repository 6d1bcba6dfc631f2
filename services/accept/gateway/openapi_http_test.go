// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

func document(t *testing.T, s *gatewaytest.Server) *openapi3.T {
	t.Helper()
	a := send(t, s, http.MethodGet, "/api/v2/openapi.json", "", "Circle-Token", "")
	doc, err := openapi3.NewLoader().LoadFromData(a.body)
	if err != nil {
		t.Fatalf("loading the document: %v", err)
	}
	return doc
}

// full returns the path of an operation below its server, as the router has it.
func full(item *openapi3.PathItem, path string) string {
	if len(item.Servers) > 0 {
		return path
	}
	return "/api/v2" + path
}

// TestDocumentAndRouterNameTheSame holds the two together in both directions.
func TestDocumentAndRouterNameTheSame(t *testing.T) {
	t.Parallel()
	s := serve(t)
	doc := document(t, s)
	if err := doc.Validate(t.Context()); err != nil {
		t.Errorf("the document is not valid: %v", err)
	}
	var documented, routed []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+full(item, path))
		}
	}
	engine := gin.New()
	s.Gateway.Routes(engine)
	parameter := regexp.MustCompile(`[:*]([a-z]+)`)
	for _, r := range engine.Routes() {
		if r.Path != "/" { // the page for people
			routed = append(routed, r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	if diff := cmp.Diff(routed, documented, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("(-routed +documented):\n%s", diff)
	}
	if len(routed) < 40 {
		t.Errorf("only %d routes were compared", len(routed))
	}
}

// checker validates every answer that passes through it.
type checker struct {
	t    *testing.T
	doc  *openapi3.T
	seen map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	c.check(r, response, body)
	return response, err
}

func (c *checker) check(r *http.Request, response *http.Response, body []byte) {
	name, operation := c.find(r)
	if operation == nil {
		c.t.Errorf("%s %s is in no path of the document", r.Method, r.URL.Path)
		return
	}
	described := operation.Responses.Value(strconv.Itoa(response.StatusCode))
	if described == nil {
		if response.StatusCode < 400 {
			c.t.Errorf("%s: status %d is not documented", name, response.StatusCode)
			return
		}
		described = operation.Responses.Default()
	} else {
		c.seen[name] = true
	}
	media, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	content := described.Value.Content.Get(media)
	if content == nil {
		c.t.Errorf("%s: answers of %q are not documented", name, media)
		return
	}
	if media != "application/json" {
		return
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		c.t.Errorf("%s: %v", name, err)
		return
	}
	if err := content.Schema.Value.VisitJSON(value, openapi3.MultiErrors(), openapi3.VisitAsResponse()); err != nil {
		c.t.Errorf("%s: %v in %s", name, err, body)
	}
}

func (c *checker) find(r *http.Request) (string, *openapi3.Operation) {
	var name, closest string
	var best *openapi3.Operation
	for path, item := range c.doc.Paths.Map() {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(full(item, path)), "[^/]+") + "$")
		operation := item.GetOperation(r.Method)
		// The path without parameters is the closer one (pipeline/mine).
		if operation != nil && pattern.MatchString(r.URL.Path) && (best == nil || strings.Count(path, "{") < strings.Count(closest, "{")) {
			name, closest, best = r.Method+" "+full(item, path), path, operation
		}
	}
	return name, best
}

// caller calls routes through a checker.
type caller struct {
	*checker
	s    *gatewaytest.Server
	http *http.Client
}

func (c *caller) call(method, path, body string) []byte {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.s.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Circle-Token", c.s.Admin)
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return data
}

func (c *caller) get(paths ...string) {
	c.t.Helper()
	for _, path := range paths {
		c.call(http.MethodGet, path, "")
	}
}

const (
	projectPath = "/api/v2/project/" + slug
	ownPath     = "/api/muster/v1"
)

// TestAnswersMatchTheirSchemas calls every route and validates what it says; a
// route that never answered with success fails the test.
func TestAnswersMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	s := serve(t, hello, gatewaytest.JobScript{Name: "hold", Approval: true, Requires: []string{"build"}},
		gatewaytest.JobScript{Name: "stay", Requires: []string{"hold"}, Stays: true})
	s.CompileResult = core.CompileResult{
		Processed: "version: 2\n", Errors: []core.ConfigError{{Message: "m", Line: 1}}, Warnings: []core.ConfigError{{Message: "w"}},
	}
	s.Skips = map[string]string{"skipped": "not this one"}
	s.Usage = usage()
	s.Stuck = []core.StuckRow{{Service: "queue", Table: "attempts", ID: "m-1", Tries: 20, LastError: "no"}}
	s.Files = []gatewaytest.File{{Path: "log.txt", Content: "kept"}}
	s.SerialGroups = []core.SerialGroup{serialGroup()}
	s.Caches = []core.Cache{{ID: "c1", Key: "deps-1", Job: "j1", ExpiresAt: time.Now()}, {ID: "c2", Key: "deps-2", Job: "j1"}}
	c := &caller{checker: &checker{t: t, doc: document(t, s), seen: map[string]bool{}}, s: s}
	c.http = &http.Client{Transport: c.checker}
	c.users()
	c.projects()
	c.pipelines()
	c.orbs()
	c.people()
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			if name := method + " " + full(item, path); !c.seen[name] {
				t.Errorf("%s was not called with success", name)
			}
		}
	}
}

func (c *caller) users() {
	c.get("/api/v2/me", "/api/v2/openapi.json", "/api/v2/pipeline?mine=true", "/api/v2/pipeline/none", ownPath+"/tokens", stuckPath)
	c.call("POST", stuckPath+"/retry", `{"service":"queue","id":"m-1"}`)
	c.get(ownPath + "/admin/signing-keys")
	c.call("POST", ownPath+"/admin/signing-keys/rotate", `{"revoke":true}`)
	c.call("POST", "/api/v2/compile-config-with-defaults", `{"config_yaml":"x"}`)
	c.call("POST", "/graphql-unstable", `{"query":"{ orbs { totalCount } }"}`)
	c.call("POST", "/graphql-unstable", `{"query":"{ nothing }"}`)
	c.call("POST", ownPath+"/users", `{"login":"eve"}`)
	var token api.CreatedToken
	if err := json.Unmarshal(c.call("POST", ownPath+"/tokens", "{}"), &token); err != nil {
		c.t.Fatal(err)
	}
	c.call("DELETE", ownPath+"/tokens/"+token.ID, "")
}

func (c *caller) projects() {
	c.settings()
	c.call("POST", "/api/v2/project/gh/acme/docs", "")
	c.call("POST", projectPath+"/envvar", `{"name":"A","value":"b"}`)
	c.get(projectPath, projectPath+"/envvar", projectPath+"/envvar/A", "/api/v1.1/projects", "/api/v2/me/collaborations", ownPath+"/projects")
	c.call("DELETE", projectPath+"/envvar/A", "")
	c.call("PUT", ownPath+"/project/"+slug+"/bundle", "# v2 git bundle\n")
}

func (c *caller) pipelines() {
	p := triggered(c.t, c.s, "")
	c.call("POST", projectPath+"/pipeline", `{"parameters":{"a":1}}`)
	c.call("POST", projectPath+"/pipeline/run", `{"checkout":{"branch":"main"}}`)
	c.call("POST", projectPath+"/pipeline/run", `{"checkout":{"branch":"skipped"}}`)
	path := "/api/v2/pipeline/" + p.ID
	w := "/api/v2/workflow/" + get[api.List[api.Workflow]](c.t, c.s, path+"/workflow").Items[0].ID
	hold := eventually(c.t, c.s, w, "hold", "on_hold")
	c.get(path, path+"/config", path+"/values", path+"/workflow", w, w+"/job", projectPath+"/pipeline", projectPath+"/pipeline/mine", projectPath+"/pipeline/1")
	c.call("POST", w+"/approve/"+hold.ApprovalRequestID, "")
	stay := eventually(c.t, c.s, w, "stay", "running")
	c.jobs(strconv.FormatInt(stay.JobNumber, 10))
	c.get(ownPath + "/pipelines/" + p.ID + "/events")
	c.call("POST", w+"/rerun", "{}")
	c.call("POST", ownPath+"/pipelines/"+p.ID+"/cancel", "")
	other := triggered(c.t, c.s, "")
	w = "/api/v2/workflow/" + get[api.List[api.Workflow]](c.t, c.s, "/api/v2/pipeline/"+other.ID+"/workflow").Items[0].ID
	hold = eventually(c.t, c.s, w, "hold", "on_hold")
	c.call("POST", w+"/approve/"+hold.ApprovalRequestID, "")
	c.call("POST", "/api/v2/jobs/"+eventually(c.t, c.s, w, "stay", "running").ID+"/cancel", "")
	c.call("POST", "/api/v2/pipeline/continue", `{"continuation-key":"`+setup(c.t, c.s)+`","configuration":""}`)
	third := triggered(c.t, c.s, "")
	w = "/api/v2/workflow/" + get[api.List[api.Workflow]](c.t, c.s, "/api/v2/pipeline/"+third.ID+"/workflow").Items[0].ID
	c.call("POST", w+"/cancel", "")
}

// jobs calls the routes of jobs: one has ended, the other is canceled here.
func (c *caller) jobs(running string) {
	job := get[api.Job](c.t, c.s, projectPath+"/job/1")
	ended := job.ID
	base := ownPath + "/jobs/" + ended
	c.get(base+"/resource-usage", "/api/v3/jobs/"+ended+"/resource-usage", ownPath+"/workflows/"+job.LatestWorkflow.ID+"/resource-usage")
	c.get(projectPath+"/job/1", projectPath+"/job/"+running, "/api/v1.1/project/"+slug+"/1", "/api/v1.1/project/"+slug+"/"+running,
		base+"/steps", base+"/events", base+"/tasks/0/steps/1/output", base+"/tasks/0/steps/1/stream")
	c.call("POST", projectPath+"/job/"+running+"/cancel", "")
	c.get(projectPath+"/1/artifacts", "/output/job/"+ended+"/artifacts/0/log.txt", ownPath+"/project/"+slug+"/caches?prefix=deps")
	c.call("HEAD", "/output/job/"+ended+"/artifacts/0/log.txt", "")
	c.call("DELETE", ownPath+"/project/"+slug+"/caches?prefix=deps", "")
	c.get(projectPath+"/1/tests", "/api/v2/insights/"+slug+"/flaky-tests")
}

func (c *caller) settings() {
	c.t.Helper()
	c.call(http.MethodPatch, projectPath+"/settings", `{"advanced":{"disable_ssh":false}}`)
	c.call(http.MethodPatch, ownPath+"/organization/gh/acme/settings", `{"block_new_work":false}`)
	c.get(projectPath+"/settings", ownPath+"/organization/gh/acme/settings", serialPath)
	c.call(http.MethodPost, serialPath+"/release", `{"key":"acme/prod"}`)
}
