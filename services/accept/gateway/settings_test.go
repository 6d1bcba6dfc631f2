// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/internal/api"
)

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := serve(t)
	project, organization := "/api/v2/project/"+slug+"/settings", "/api/muster/v1/organization/gh/acme/settings"
	for _, step := range []struct{ change, want string }{
		{`{}`, `{"advanced":{"autocancel_builds":false,"disable_ssh":false,"protect_caches":false,"block_new_work":false,"job_time_limit":"0s"}}`},
		{`{"advanced":{"autocancel_builds":true,"job_time_limit":"90m"}}`, `{"advanced":{"autocancel_builds":true,"disable_ssh":false,"protect_caches":false,"block_new_work":false,"job_time_limit":"1h30m0s"}}`},
		{`{"advanced":{"disable_ssh":true}}`, `{"advanced":{"autocancel_builds":true,"disable_ssh":true,"protect_caches":false,"block_new_work":false,"job_time_limit":"1h30m0s"}}`},
	} {
		changed := asJSON(t, read[api.ProjectSettings](t, send(t, s, http.MethodPatch, project, step.change), http.StatusOK))
		kept := asJSON(t, get[api.ProjectSettings](t, s, project))
		if diff := cmp.Diff([]string{step.want, step.want}, []string{changed, kept}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.change, diff)
		}
	}
	want := `{"concurrency":5,"block_new_work":false,"job_time_limit":"3h0m0s"}`
	if got := asJSON(t, read[api.OrganizationSettings](t, send(t, s, http.MethodPatch, organization, `{"concurrency":5,"job_time_limit":"3h"}`), http.StatusOK)); got != want {
		t.Errorf("organization: got %s, want %s", got, want)
	}
	if got := asJSON(t, get[api.OrganizationSettings](t, s, organization)); got != want {
		t.Errorf("organization: got %s, want %s", got, want)
	}
	for _, bad := range []string{`{"advanced":{"job_time_limit":"soon"}}`, `{"advanced":{"job_time_limit":"-1h"}}`} {
		refused(t, send(t, s, http.MethodPatch, project, bad), http.StatusBadRequest)
	}
	refused(t, send(t, s, http.MethodGet, "/api/muster/v1/organization/gh/nobody/settings", ""), http.StatusNotFound)
}
