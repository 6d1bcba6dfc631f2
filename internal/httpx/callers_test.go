// SPDX-License-Identifier: MPL-2.0

package httpx_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/workload"
)

// names takes a token for the name of the Nomad job that it proves.
type names struct{}

func (names) Verify(_ context.Context, token string) (workload.Claims, error) {
	if token == "" {
		return workload.Claims{}, core.Errorf(core.CodeUnauthorized, "there is no token")
	}
	return workload.Claims{JobID: token, Namespace: "muster"}, nil
}

func TestCallers(t *testing.T) {
	t.Parallel()
	engine := httpx.NewEngine(hclog.NewNullLogger())
	only := engine.Group("/", httpx.OnlyServices(names{}, "muster", []string{"gateway", "placements"}))
	answer := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	only.GET("/all", answer)
	only.GET("/narrow", httpx.Callers("placements"), answer)
	engine.GET("/bare", httpx.Callers("placements"), answer)
	for _, test := range []struct {
		path, caller string
		want         int
	}{
		{"/all", "gateway", http.StatusNoContent},
		{"/narrow", "placements", http.StatusNoContent},
		{"/narrow", "gateway", http.StatusForbidden},
		{"/narrow", "m-0123456789", http.StatusForbidden},
		{"/narrow", "", http.StatusUnauthorized},
		{"/bare", "placements", http.StatusForbidden},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.path, nil)
		if test.caller != "" {
			request.Header.Set("Authorization", "Bearer "+test.caller)
		}
		recorder := httptest.NewRecorder()
		engine.ServeHTTP(recorder, request)
		if recorder.Code != test.want {
			t.Errorf("%s called by %q: got status %d, want %d", test.path, test.caller, recorder.Code, test.want)
		}
	}
}
