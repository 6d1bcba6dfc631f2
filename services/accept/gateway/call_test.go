// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request as the administrator unless headers name a token.
func send(t *testing.T, s *gatewaytest.Server, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Circle-Token", s.Admin)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, data}
}

// get reads an answer of 200 as a T.
func get[T any](t *testing.T, s *gatewaytest.Server, path string) T {
	t.Helper()
	return read[T](t, send(t, s, http.MethodGet, path, ""), http.StatusOK)
}

// read reads an answer of that status as a T.
func read[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	var out T
	if a.status != status {
		t.Fatalf("got status %d, want %d: %s", a.status, status, a.body)
	}
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("reading %s: %v", a.body, err)
	}
	return out
}

// refused checks an error answer and returns its message.
func refused(t *testing.T, a answer, status int) string {
	t.Helper()
	message := read[api.Message](t, a, status)
	if message.Message == "" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("an error without message or as %q: %s", a.header.Get("Content-Type"), a.body)
	}
	return message.Message
}

const slug = "gh/acme/site"

// serve starts a gateway with a project.
func serve(t *testing.T, script ...gatewaytest.JobScript) *gatewaytest.Server {
	t.Helper()
	p := gatewaytest.New()
	p.Script = script
	s := gatewaytest.Serve(t, p, func(cfg *gateway.Config, _ *gateway.Deps) { cfg.Burst = 1_000_000 }) // tests poll
	addProject(t, s, slug)
	return s
}

func addProject(t *testing.T, s *gatewaytest.Server, text string) core.Project {
	t.Helper()
	parsed, err := core.ParseProjectSlug(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.CreateProject(t.Context(), core.Project{
		Organization: core.Organization{VCS: parsed.VCS, Name: parsed.Organization}, Name: parsed.Project,
		RepositoryURL: "https://example.com/" + text,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func triggered(t *testing.T, s *gatewaytest.Server, body string) api.Triggered {
	t.Helper()
	return read[api.Triggered](t, send(t, s, http.MethodPost, "/api/v2/project/"+slug+"/pipeline", body), http.StatusCreated)
}

var hello = gatewaytest.JobScript{Name: "build", Steps: []gatewaytest.StepScript{
	{Name: "Checkout", Output: "cloning\n"}, {Name: "Greet", Output: "hello\nworld\n"},
}}
