// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

const continuing = "/api/v2/pipeline/continue"

// setup triggers a pipeline that waits to be continued, and returns its key.
func setup(t *testing.T, s *gatewaytest.Server) (key string) {
	t.Helper()
	p := triggered(t, s, `{}`)
	s.Setup(core.PipelineID(p.ID))
	return "key-" + p.ID
}

// asJob sends without a token, as a job does.
func asJob(t *testing.T, s *gatewaytest.Server, body string) answer {
	t.Helper()
	return send(t, s, http.MethodPost, continuing, body, "Circle-Token", "")
}

func TestAJobContinuesItsPipeline(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	key := setup(t, s)
	body, err := json.Marshal(map[string]any{
		"continuation-key": key, "configuration": "version: 2.1\n", "parameters": map[string]any{"deploy": true, "count": 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	message := read[api.Message](t, asJob(t, s, string(body)), http.StatusOK)
	if message.Message != "Accepted." {
		t.Errorf("got %q", message.Message)
	}
	want := []core.Continuation{{Key: key, Config: "version: 2.1\n", Parameters: map[string]any{"deploy": true, "count": float64(3)}}}
	if diff := cmp.Diff(want, s.Continued()); diff != "" {
		t.Errorf("continued with (-want +got):\n%s", diff)
	}
	workflows := get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+strings.TrimPrefix(key, "key-")+"/workflow")
	if len(workflows.Items) != 2 {
		t.Errorf("got workflows %+v", workflows.Items)
	}
	refused(t, asJob(t, s, string(body)), http.StatusConflict)
}

func TestAnEmptyContinuationIsNoMistake(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	key := setup(t, s)
	read[api.Message](t, asJob(t, s, `{"continuation-key": "`+key+`", "configuration": ""}`), http.StatusOK)
}

func TestBadContinuations(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	key := setup(t, s)
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"nothing":          {``, http.StatusBadRequest},
		"no key":           {`{"configuration": "a"}`, http.StatusBadRequest},
		"no configuration": {`{"continuation-key": "` + key + `"}`, http.StatusBadRequest},
		"an unknown key":   {`{"continuation-key": "guess", "configuration": "a"}`, http.StatusNotFound},
		"an odd parameter": {`{"continuation-key": "` + key + `", "configuration": "a", "parameters": {"x": []}}`, http.StatusBadRequest},
		"a large config":   {`{"continuation-key": "` + key + `", "configuration": "` + strings.Repeat("a", 1<<20+1) + `"}`, http.StatusBadRequest},
		"a large body":     {`{"continuation-key": "` + strings.Repeat("a", 5<<20) + `"}`, http.StatusBadRequest},
	} {
		refused(t, asJob(t, s, tt.body), tt.status)
		if n := len(s.Continued()); n != 0 {
			t.Fatalf("%s: continued", name)
		}
	}
}

func TestKeysCannotBeTriedForLong(t *testing.T) {
	t.Parallel()
	s := gatewaytest.Serve(t, gatewaytest.New(), func(cfg *gateway.Config, _ *gateway.Deps) { cfg.Burst, cfg.RequestsPerSecond = 3, 0.001 })
	for range 3 {
		refused(t, asJob(t, s, `{"continuation-key": "guess", "configuration": ""}`), http.StatusNotFound)
	}
	a := asJob(t, s, `{"continuation-key": "guess", "configuration": ""}`)
	refused(t, a, http.StatusTooManyRequests)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
