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

const serialPath = "/api/muster/v1/organization/gh/acme/serial-groups"

func serialGroup() core.SerialGroup {
	claim := func(id core.SerialID, pipeline int64) core.SerialClaim {
		return core.SerialClaim{ID: id, Key: "acme/prod", ProjectSlug: slug, Pipeline: pipeline, Workflow: "w", Name: "deploy"}
	}
	holder, since := claim("c1", 1), time.Unix(100, 0).UTC()
	return core.SerialGroup{Key: "acme/prod", Holder: &holder, HeldSince: &since, Waiting: []core.SerialClaim{claim("c2", 2), claim("c3", 3)}}
}

func TestSerialGroups(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.SerialGroups = []core.SerialGroup{serialGroup()}
	claim := func(pipeline int64) api.SerialClaim {
		return api.SerialClaim{ProjectSlug: slug, PipelineNumber: pipeline, WorkflowID: "w", Name: "deploy"}
	}
	holder, since := claim(1), time.Unix(100, 0).UTC()
	want := []api.SerialGroup{{Key: "acme/prod", Holder: &holder, HeldSince: &since, Waiting: []api.SerialClaim{claim(2), claim(3)}}}
	asUser := read[api.List[api.SerialGroup]](t, send(t, s, http.MethodGet, serialPath, "", "Circle-Token", s.User), http.StatusOK)
	if diff := cmp.Diff(want, asUser.Items); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	release := `{"key":"acme/prod"}`
	refused(t, send(t, s, http.MethodPost, serialPath+"/release", release, "Circle-Token", s.User), http.StatusForbidden)
	refused(t, send(t, s, http.MethodPost, serialPath+"/release", `{}`), http.StatusBadRequest)
	refused(t, send(t, s, http.MethodPost, serialPath+"/release", `{"key":"other"}`), http.StatusNotFound)
	refused(t, send(t, s, http.MethodGet, "/api/muster/v1/organization/gh/nobody/serial-groups", ""), http.StatusNotFound)
	read[api.Message](t, send(t, s, http.MethodPost, serialPath+"/release", release), http.StatusOK)
	if list := get[api.List[api.SerialGroup]](t, s, serialPath); len(list.Items) != 0 {
		t.Errorf("after the release: got %+v", list.Items)
	}
	s.SetAway("ListSerials", true)
	refused(t, send(t, s, http.MethodGet, serialPath, ""), http.StatusServiceUnavailable)
}

func TestJobsSayWhoHasTheirSerialGroup(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := triggered(t, s, "")
	w := s.AddWorkflow(core.PipelineID(p.ID), "main", gatewaytest.JobScript{Name: "deploy", Serial: serialGroup().Holder}, hello)
	s.QueueJob(s.JobNamed(w.ID, "deploy").ID)
	list := get[api.List[api.WorkflowJob]](t, s, "/api/v2/workflow/"+string(w.ID)+"/job").Items
	one := get[api.Job](t, s, "/api/v2/project/"+slug+"/job/1")
	want := &api.SerialClaim{ProjectSlug: slug, PipelineNumber: 1, WorkflowID: "w", Name: "deploy"}
	if diff := cmp.Diff([]*api.SerialClaim{want, nil, want}, []*api.SerialClaim{list[0].SerialHolder, list[1].SerialHolder, one.SerialHolder}); diff != "" {
		t.Errorf("holders (-want +got):\n%s", diff)
	}
	if list[0].SerialGroup != "acme/prod" || list[1].SerialGroup != "" || one.SerialGroup != "acme/prod" {
		t.Errorf("got groups %q, %q, %q", list[0].SerialGroup, list[1].SerialGroup, one.SerialGroup)
	}
}
