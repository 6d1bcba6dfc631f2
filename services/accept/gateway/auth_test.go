// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

func TestTokensAreTakenWhereCircleCITakesThem(t *testing.T) {
	t.Parallel()
	s := serve(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.User+":"))
	for name, request := range map[string][]string{
		"header": {"", "Circle-Token", s.User},
		"bearer": {"", "Circle-Token", "", "Authorization", "Bearer " + s.User},
		"basic":  {"", "Circle-Token", "", "Authorization", basic},
		"query":  {"?circle-token=" + s.User, "Circle-Token", ""},
	} {
		me := read[api.User](t, send(t, s, http.MethodGet, "/api/v2/me"+request[0], "", request[1:]...), http.StatusOK)
		if me.Login != "ada" {
			t.Errorf("%s: got %q, want ada", name, me.Login)
		}
	}
	for _, bad := range []string{"", "mst_wrong"} {
		refused(t, send(t, s, http.MethodGet, "/api/v2/me", "", "Circle-Token", bad), http.StatusUnauthorized)
	}
}

func TestOnlyAdministratorsCreate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for path, body := range map[string]string{
		"/api/v2/project/gh/acme/other":         "",
		"/api/v2/project/" + slug + "/envvar":   `{"name":"A","value":"b"}`,
		"/api/muster/v1/users":                  `{"login":"eve"}`,
		"/api/muster/v1/tokens?circle-token=no": `{"user_id":"somebody-else"}`,
	} {
		refused(t, send(t, s, http.MethodPost, path, body, "Circle-Token", s.User), http.StatusForbidden)
	}
	read[api.Triggered](t, send(t, s, http.MethodPost, "/api/v2/project/"+slug+"/pipeline", "{}", "Circle-Token", s.User), http.StatusCreated)
}

func TestErrorsAreJSON(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/api/v2/nothing", "", 404},
		{"GET", "/nothing", "", 404},
		{"PATCH", "/api/v2/me", "", 405},
		{"GET", "/api/v2/pipeline/none", "", 404},
		{"GET", "/api/v2/pipeline/" + strings.Repeat("x", 100), "", 404},
		{"GET", "/api/v2/workflow/none", "", 404},
		{"GET", "/api/v2/project/svn/a/b", "", 400},
		{"GET", "/api/v2/project/gh/acme/none", "", 404},
		{"GET", "/api/v2/project/" + slug + "/job/x", "", 400},
		{"GET", "/api/v2/project/" + slug + "/pipeline/7", "", 404},
		{"POST", "/api/v2/project/" + slug + "/pipeline", "{", 400},
		{"POST", "/api/v2/project/" + slug + "/pipeline", `{"branch":7}`, 400},
		{"POST", "/api/v2/compile-config-with-defaults", "", 400},
		{"POST", "/api/v2/compile-config-with-defaults", `{"config_yaml":"` + strings.Repeat("x", 5<<20) + `"}`, 400},
		{"POST", "/api/v2/jobs/none/cancel", "", 404},
		{"GET", "/api/muster/v1/jobs/none/events", "", 404},
		{"GET", "/api/muster/v1/pipelines/none/events", "", 404},
	} {
		refused(t, send(t, s, test.method, test.path, test.body), test.status)
	}
}

// What is inside stays inside: addresses of services are for the log.
func TestOutagesAreToldWithoutDetails(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.SetAway("ProjectBySlug", true)
	a := send(t, s, http.MethodGet, "/api/v2/project/"+slug, "")
	if message := refused(t, a, http.StatusServiceUnavailable); strings.Contains(message, "10.0.0.7") {
		t.Errorf("the message tells an address: %s", message)
	}
	if a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
}

// TestRateLimit counts exactly: with the clock held still nothing is refilled.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	s := gatewaytest.Serve(t, gatewaytest.New(), func(cfg *gateway.Config, deps *gateway.Deps) {
		cfg.RequestsPerSecond, cfg.Burst = 2, 5
		deps.Clock = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	status := func(token string) int {
		return send(t, s, http.MethodGet, "/api/v2/me", "", "Circle-Token", token).status
	}
	allowed := 0
	for range 20 {
		if status(s.User) == http.StatusOK {
			allowed++
		}
	}
	if allowed != 5 {
		t.Errorf("at once: got %d, want 5", allowed)
	}
	a := send(t, s, http.MethodGet, "/api/v2/me", "", "Circle-Token", s.User)
	if refused(t, a, http.StatusTooManyRequests) != "Rate limit exceeded." || a.header.Get("Retry-After") != "1" {
		t.Errorf("got %s, Retry-After %q", a.body, a.header.Get("Retry-After"))
	}
	if got := status(s.Admin); got != http.StatusOK {
		t.Errorf("another user: got %d, want 200", got)
	}
	mu.Lock()
	now = now.Add(time.Second)
	mu.Unlock()
	if got := []int{status(s.User), status(s.User), status(s.User)}; got[1] != 200 || got[2] != 429 {
		t.Errorf("a second later: got %v, want two more", got)
	}
	for range 5 {
		status("wrong")
	}
	if got := status("wrong too"); got != http.StatusTooManyRequests {
		t.Errorf("guessing tokens: got %d, want 429", got)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	a := send(t, s, http.MethodGet, "/", "", "Circle-Token", "")
	if a.status != 200 || !strings.Contains(string(a.body), s.URL) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("got %d %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
}
