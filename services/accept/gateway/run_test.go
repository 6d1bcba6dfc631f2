// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

const runPath = "/api/v2/project/" + slug + "/pipeline/run"

func TestRunningADefinition(t *testing.T) {
	t.Parallel()
	s := serve(t)
	project := get[api.Project](t, s, "/api/v2/project/"+slug)
	where := "https://example.com/" + slug
	for body, want := range map[string]core.Source{
		`{"definition_id":"` + project.ID + `","config":{"branch":"topic"},"checkout":{"branch":"topic"},"parameters":{"deploy":true}}`: {RepositoryURL: where, Branch: "topic"},
		`{"checkout":{"branch":"topic"},"parameters":{"deploy":true}}`:                                                                  {RepositoryURL: where, Branch: "topic"},
		`{"config":{"tag":"v1"},"parameters":{"deploy":true}}`:                                                                          {RepositoryURL: where, Tag: "v1"},
		`{"parameters":{"deploy":true}}`:                                                                                                {RepositoryURL: where, Branch: "main"},
	} {
		made := read[api.Triggered](t, send(t, s, http.MethodPost, runPath, body), http.StatusCreated)
		asked := s.Requested(core.PipelineID(made.ID))
		if diff := cmp.Diff(want, asked.Source); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
		if !asked.Skippable || asked.Trigger.Type != core.TriggerAPI || asked.Parameters["deploy"] != true || made.Number == 0 {
			t.Errorf("%s: asked for %+v and got %+v", body, asked, made)
		}
	}
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"definition_id":"11111111-2222-3333-4444-555555555555"}`, http.StatusNotFound, project.ID},
		{`{"config":{"branch":"a"},"checkout":{"branch":"b"}}`, http.StatusBadRequest, "different branches"},
		{`{"config":{"branch":"a"},"checkout":{"tag":"a"}}`, http.StatusBadRequest, "different branches"},
		{`{"checkout":{"branch":"a","tag":"b"}}`, http.StatusBadRequest, "not both"},
		{`{"checkout":{"branch":"--upload-pack=x"}}`, http.StatusBadRequest, "not a name"},
		{`{"parameters":{"a":[1]}}`, http.StatusBadRequest, "must be a string"},
	} {
		if message := refused(t, send(t, s, http.MethodPost, runPath, c.body), c.status); !strings.Contains(message, c.says) {
			t.Errorf("%s: got %q, want %q in it", c.body, message, c.says)
		}
	}
}

// TestASkippedRunSaysWhy: the other trigger has no answer for it, and runs.
func TestASkippedRunSaysWhy(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Skips = map[string]string{"topic": "The commit says so."}
	a := send(t, s, http.MethodPost, runPath, `{"checkout":{"branch":"topic"}}`, "Idempotency-Key", "k1")
	if got := read[api.Message](t, a, http.StatusOK); got.Message != "The commit says so." {
		t.Errorf("got %+v", got)
	}
	made := read[api.Triggered](t, send(t, s, http.MethodPost, projectPath+"/pipeline", `{"branch":"topic"}`, "Idempotency-Key", "k1"), http.StatusCreated)
	if s.Requested(core.PipelineID(made.ID)).Skippable {
		t.Error("a trigger that was asked for in the other way heeds the message")
	}
	run := func(key string) string {
		return read[api.Triggered](t, send(t, s, http.MethodPost, runPath, "{}", "Idempotency-Key", key), http.StatusCreated).ID
	}
	if first := run("k2"); first != run("k2") || first == run("k3") {
		t.Error("an Idempotency-Key is not that of one run")
	}
}
