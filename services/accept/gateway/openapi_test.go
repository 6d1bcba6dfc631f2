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
	parameter := regexp.MustCompile(`:([a-z]+)`)
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

// TestAnswersMatchTheirSchemas calls every route once and validates what it
// says; a route that was not called fails the test.
func TestAnswersMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	s := serve(t, hello, gatewaytest.JobScript{Name: "hold", Approval: true, Requires: []string{"build"}},
		gatewaytest.JobScript{Name: "stay", Requires: []string{"hold"}, Stays: true})
	s.CompileResult = core.CompileResult{Processed: "version: 2\n", Errors: []core.ConfigError{{Message: "m", Line: 1}}, Warnings: []core.ConfigError{{Message: "w"}}}
	c := &checker{t: t, doc: document(t, s), seen: map[string]bool{}}
	checked := &http.Client{Transport: c}
	call := func(method, path, body string) []byte {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Circle-Token", s.Admin)
		response, err := checked.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(response.Body)
		return data
	}
	project := "/api/v2/project/" + slug
	own := "/api/muster/v1"
	for _, path := range []string{"/me", "/me/collaborations", "/openapi.json", "/pipeline?mine=true", "/pipeline/none"} {
		call("GET", "/api/v2"+path, "")
	}
	call("POST", "/api/v2/compile-config-with-defaults", `{"config_yaml":"x"}`)
	call("GET", project, "")
	call("POST", "/api/v2/project/gh/acme/docs", "")
	call("POST", project+"/envvar", `{"name":"A","value":"b"}`)
	call("GET", project+"/envvar", "")
	call("GET", project+"/envvar/A", "")
	call("DELETE", project+"/envvar/A", "")
	call("GET", "/api/v1.1/projects", "")
	call("PUT", own+"/project/"+slug+"/bundle", "# v2 git bundle\n")
	p := triggered(t, s, "")
	call("POST", project+"/pipeline", `{"parameters":{"a":1}}`)
	w := get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+p.ID+"/workflow").Items[0].ID
	hold := eventually(t, s, "/api/v2/workflow/"+w, "hold", "on_hold")
	for _, path := range []string{"/pipeline", "/pipeline/mine", "/pipeline/1"} {
		call("GET", project+path, "")
	}
	for _, path := range []string{"", "/config", "/workflow"} {
		call("GET", "/api/v2/pipeline/"+p.ID+path, "")
	}
	call("GET", "/api/v2/workflow/"+w, "")
	call("GET", "/api/v2/workflow/"+w+"/job", "")
	call("POST", "/api/v2/workflow/"+w+"/approve/"+hold.ApprovalRequestID, "")
	stay := eventually(t, s, "/api/v2/workflow/"+w, "stay", "running")
	number := strconv.FormatInt(stay.JobNumber, 10)
	call("GET", project+"/job/"+number, "")
	call("GET", project+"/job/1", "")
	call("GET", "/api/v1.1/project/"+slug+"/1", "")
	call("GET", "/api/v1.1/project/"+slug+"/"+number, "")
	call("POST", project+"/job/"+number+"/cancel", "")
	build := get[api.Job](t, s, project+"/job/1").ID
	jobs := own + "/jobs/" + build
	call("GET", jobs+"/steps", "")
	call("GET", jobs+"/events", "")
	call("GET", jobs+"/tasks/0/steps/1/output", "")
	call("GET", jobs+"/tasks/0/steps/1/stream", "")
	call("GET", own+"/pipelines/"+p.ID+"/events", "")
	rerun := call("POST", "/api/v2/workflow/"+w+"/rerun", "{}")
	call("POST", own+"/pipelines/"+p.ID+"/cancel", "")
	var again api.Rerun
	if err := json.Unmarshal(rerun, &again); err != nil {
		t.Fatal(err)
	}
	other := triggered(t, s, "")
	w = get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+other.ID+"/workflow").Items[0].ID
	call("POST", "/api/v2/workflow/"+w+"/cancel", "")
	third := triggered(t, s, "")
	w = get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+third.ID+"/workflow").Items[0].ID
	hold = eventually(t, s, "/api/v2/workflow/"+w, "hold", "on_hold")
	call("POST", "/api/v2/workflow/"+w+"/approve/"+hold.ApprovalRequestID, "")
	call("POST", "/api/v2/jobs/"+eventually(t, s, "/api/v2/workflow/"+w, "stay", "running").ID+"/cancel", "")
	call("GET", own+"/projects", "")
	call("GET", own+"/tokens", "")
	var token api.CreatedToken
	if err := json.Unmarshal(call("POST", own+"/tokens", "{}"), &token); err != nil {
		t.Fatal(err)
	}
	call("DELETE", own+"/tokens/"+token.ID, "")
	call("POST", own+"/users", `{"login":"eve"}`)
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			if name := method + " " + full(item, path); !c.seen[name] {
				t.Errorf("%s was not called with success", name)
			}
		}
	}
}
