// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

func TestProjectsAndVariables(t *testing.T) {
	t.Parallel()
	s := serve(t)
	created := read[api.CreatedProject](t, send(t, s, http.MethodPost, "/api/v2/project/github/acme/docs", `{"auto_cancel":true}`), http.StatusCreated)
	if created.Slug != "gh/acme/docs" || !*created.Advanced.AutocancelBuilds {
		t.Errorf("created %+v", created)
	}
	refused(t, send(t, s, http.MethodPost, "/api/v2/project/gh/acme/docs", ""), http.StatusConflict)
	got := get[api.Project](t, s, "/api/v2/project/gh%2Facme%2Fdocs")
	if diff := cmp.Diff(created.Project, got); diff != "" {
		t.Errorf("with escaped slashes (-want +got):\n%s", diff)
	}
	if list := get[api.List[api.Project]](t, s, "/api/muster/v1/projects"); len(list.Items) != 2 || list.NextPageToken != nil {
		t.Errorf("projects: got %+v", list)
	}
	if list := get[[]api.BuildProject](t, s, "/api/v1.1/projects"); len(list) != 2 || list[0].Reponame != "docs" || list[0].VCSType != "github" {
		t.Errorf("v1.1 projects: got %+v", list)
	}
	if list := get[[]api.Collaboration](t, s, "/api/v2/me/collaborations"); len(list) != 1 || list[0].Slug != "gh/acme" {
		t.Errorf("collaborations: got %+v", list)
	}
	base := "/api/v2/project/" + slug + "/envvar"
	set := read[api.Variable](t, send(t, s, http.MethodPost, base, `{"name":"TOKEN","value":"abcdefgh"}`), http.StatusCreated)
	want := api.Variable{Name: "TOKEN", Value: "xxxxefgh"}
	if set != want || get[api.Variable](t, s, base+"/TOKEN") != want {
		t.Errorf("variable: got %+v, want %+v", set, want)
	}
	read[api.Message](t, send(t, s, http.MethodDelete, base+"/TOKEN", ""), http.StatusOK)
	refused(t, send(t, s, http.MethodGet, base+"/TOKEN", ""), http.StatusNotFound)
}

func TestTrigger(t *testing.T) {
	t.Parallel()
	s := serve(t)
	body := `{"branch":"topic","parameters":{"deploy":true,"n":3,"who":"x"},"revision":"` + strings.Repeat("a", 40) + `","config":"version: 2.1"}`
	one := triggered(t, s, body)
	asked := s.Requested(core.PipelineID(one.ID))
	want := core.Source{RepositoryURL: "https://example.com/" + slug, Branch: "topic", Revision: strings.Repeat("a", 40)}
	if asked.Source != want || asked.Config != "version: 2.1" || asked.Trigger.Type != core.TriggerAPI || asked.Trigger.Actor.Login != "root" {
		t.Errorf("asked for %+v", asked)
	}
	if diff := cmp.Diff(map[string]any{"deploy": true, "n": 3.0, "who": "x"}, asked.Parameters); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if two := triggered(t, s, ""); two.Number != 2 || s.Requested(core.PipelineID(two.ID)).Source.Branch != "main" {
		t.Errorf("an empty body: got %+v, want the default branch", two)
	}
	for name, bad := range map[string]string{
		"branch and tag":   `{"branch":"a","tag":"b"}`,
		"option as branch": `{"branch":"--upload-pack=x"}`,
		"short revision":   `{"revision":"abc"}`,
		"list parameter":   `{"parameters":{"a":[1]}}`,
		"foreign bundle":   `{"source":{"bundle":"bundles/other/` + strings.Repeat("a", 64) + `.bundle"}}`,
		"path as bundle":   `{"source":{"bundle":"../../etc/passwd"}}`,
		"huge config":      `{"config":"` + strings.Repeat("x", 1<<20+1) + `"}`,
	} {
		t.Log(name)
		refused(t, send(t, s, http.MethodPost, "/api/v2/project/"+slug+"/pipeline", bad), http.StatusBadRequest)
	}
}

func TestTriggerIsIdempotentByKey(t *testing.T) {
	t.Parallel()
	s := serve(t)
	with := func(key, token string) string {
		a := send(t, s, http.MethodPost, "/api/v2/project/"+slug+"/pipeline", "", "Idempotency-Key", key, "Circle-Token", token)
		return read[api.Triggered](t, a, http.StatusCreated).ID
	}
	first := with("k1", s.Admin)
	if again := with("k1", s.Admin); again != first {
		t.Errorf("the same key: got %s, want %s", again, first)
	}
	if other := with("k2", s.Admin); other == first {
		t.Error("another key gave the same pipeline")
	}
	if foreign := with("k1", s.User); foreign == first {
		t.Error("the same key of another user gave the same pipeline")
	}
}

func TestBundles(t *testing.T) {
	t.Parallel()
	s := serve(t)
	path := "/api/muster/v1/project/" + slug + "/bundle"
	content := "# v2 git bundle\n" + strings.Repeat("x", 100_000)
	bundle := read[api.Bundle](t, send(t, s, http.MethodPut, path, content), http.StatusCreated)
	if bundle.Size != int64(len(content)) || string(s.Bundle(bundle.Key)) != content {
		t.Errorf("got %+v, which is not what was sent", bundle)
	}
	if again := read[api.Bundle](t, send(t, s, http.MethodPut, path, content), http.StatusCreated); again != bundle {
		t.Errorf("the same content: got %+v, want %+v", again, bundle)
	}
	one := triggered(t, s, `{"source":{"bundle":"`+bundle.Key+`"}}`)
	if source := s.Requested(core.PipelineID(one.ID)).Source; source.Bundle != bundle.Key || source.RepositoryURL != "" {
		t.Errorf("source: got %+v", source)
	}
	refused(t, send(t, s, http.MethodPut, path, "PK\x03\x04 no bundle at all"), http.StatusBadRequest)
	gone := strings.Replace(bundle.Key, bundle.Key[len(bundle.Key)-71:], strings.Repeat("0", 64)+".bundle", 1)
	refused(t, send(t, s, http.MethodPost, "/api/v2/project/"+slug+"/pipeline", `{"source":{"bundle":"`+gone+`"}}`), http.StatusBadRequest)
}

func TestPipelines(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	addProject(t, s, "gh/other/thing")
	var ids []string
	for range 3 {
		ids = append(ids, triggered(t, s, "").ID)
	}
	s.Play()
	p := get[api.Pipeline](t, s, "/api/v2/pipeline/"+ids[0])
	if p.Number != 1 || p.State != "created" || p.ProjectSlug != slug || p.Trigger.Actor.Login != "root" || p.VCS.Branch != "main" {
		t.Errorf("got %+v", p)
	}
	if byNumber := get[api.Pipeline](t, s, "/api/v2/project/"+slug+"/pipeline/1"); byNumber.ID != ids[0] {
		t.Errorf("by number: got %s, want %s", byNumber.ID, ids[0])
	}
	for _, path := range []string{"/api/v2/project/" + slug + "/pipeline", "/api/v2/project/" + slug + "/pipeline/mine", "/api/v2/pipeline?org-slug=github/acme&mine=true"} {
		first := get[api.List[api.Pipeline]](t, s, path)
		if len(first.Items) != 2 || first.NextPageToken == nil || first.Items[0].ID != ids[2] {
			t.Fatalf("%s: got %+v", path, first)
		}
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		second := get[api.List[api.Pipeline]](t, s, path+join+"page-token="+*first.NextPageToken)
		if len(second.Items) != 1 || second.NextPageToken != nil || second.Items[0].ID != ids[0] {
			t.Errorf("%s, second page: got %+v", path, second)
		}
	}
	if list := get[api.List[api.Pipeline]](t, s, "/api/v2/pipeline?org-slug=gh/other"); len(list.Items) != 0 {
		t.Errorf("another organization: got %+v", list)
	}
	get[api.PipelineConfig](t, s, "/api/v2/pipeline/"+ids[0]+"/config")
	withParameter := triggered(t, s, `{"parameters":{"deep":true}}`)
	want := map[string]any{"pipeline.id": withParameter.ID, "pipeline.number": 4.0, "pipeline.git.branch": "main", "pipeline.parameters.deep": true}
	if diff := cmp.Diff(want, get[map[string]any](t, s, "/api/v2/pipeline/"+withParameter.ID+"/values")); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	s := serve(t, hello, gatewaytest.JobScript{Name: "hold", Approval: true, Requires: []string{"build"}},
		gatewaytest.JobScript{Name: "stay", Requires: []string{"hold"}, Stays: true})
	p := triggered(t, s, "")
	w := get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+p.ID+"/workflow").Items[0]
	path := "/api/v2/workflow/" + w.ID
	hold := eventually(t, s, path, "hold", "on_hold")
	if hold.ApprovalRequestID == "" || hold.Type != "approval" || hold.JobNumber != 0 || len(hold.Dependencies) != 1 {
		t.Errorf("approval job: got %+v", hold)
	}
	accepted := read[api.Message](t, send(t, s, http.MethodPost, path+"/approve/"+hold.ApprovalRequestID, ""), http.StatusAccepted)
	if accepted.Message != "Accepted." {
		t.Errorf("got %q, want Accepted.", accepted.Message)
	}
	refused(t, send(t, s, http.MethodPost, path+"/approve/"+hold.ApprovalRequestID, ""), http.StatusConflict)
	stay := eventually(t, s, path, "stay", "running")
	read[api.Message](t, send(t, s, http.MethodPost, "/api/v2/jobs/"+stay.ID+"/cancel", ""), http.StatusOK)
	if got := get[api.Workflow](t, s, path); got.Status != "canceled" || got.StoppedAt == nil {
		t.Errorf("after cancel: got %+v", got)
	}
	refused(t, send(t, s, http.MethodPost, path+"/cancel", ""), http.StatusConflict)
	for _, bad := range []string{`{"enable_ssh":true}`, `{"sparse_tree":true}`, `{"failed_tests":true}`, `{"from_failed":true,"jobs":["x"]}`} {
		refused(t, send(t, s, http.MethodPost, path+"/rerun", bad), http.StatusBadRequest)
	}
	settings := "/api/v2/project/" + slug + "/settings"
	for _, block := range []string{`{"advanced":{"disable_ssh":true}}`, `{"advanced":{"disable_ssh":false,"block_new_work":true}}`} {
		read[api.ProjectSettings](t, send(t, s, http.MethodPatch, settings, block), http.StatusOK)
		refused(t, send(t, s, http.MethodPost, path+"/rerun", `{"enable_ssh":true,"jobs":["`+stay.ID+`"]}`), http.StatusForbidden)
	}
	read[api.ProjectSettings](t, send(t, s, http.MethodPatch, settings, `{"advanced":{"block_new_work":false}}`), http.StatusOK)
	ssh := read[api.Rerun](t, send(t, s, http.MethodPost, path+"/rerun", `{"enable_ssh":true,"jobs":["`+stay.ID+`"]}`), http.StatusAccepted)
	for _, j := range get[api.List[api.WorkflowJob]](t, s, "/api/v2/workflow/"+ssh.WorkflowID+"/job").Items {
		if j.SSHEnabled != (j.Name == "stay") {
			t.Errorf("job %s: SSH %t", j.Name, j.SSHEnabled)
		}
		if who := get[api.JobSteps](t, s, "/api/muster/v1/jobs/"+j.ID+"/steps").SSHUser; (who != "") != j.SSHEnabled {
			t.Errorf("job %s: the user who may log in is %q", j.Name, who)
		}
	}
	rerun := read[api.Rerun](t, send(t, s, http.MethodPost, path+"/rerun", `{"from_failed":true}`), http.StatusAccepted)
	if w := get[api.Workflow](t, s, "/api/v2/workflow/"+rerun.WorkflowID); w.RerunOf == "" || w.AutoRerun != 0 {
		t.Errorf("the rerun shows %+v", w)
	}
	eventually(t, s, "/api/v2/workflow/"+rerun.WorkflowID, "hold", "on_hold")
	again := eventually(t, s, "/api/v2/workflow/"+rerun.WorkflowID, "build", "success")
	if w := get[api.Build](t, s, "/api/v1.1/project/"+slug+"/"+strconv.FormatInt(again.JobNumber, 10)).Workflows; w.WorkflowID != rerun.WorkflowID || "/api/v2/workflow/"+w.WorkspaceID != path {
		t.Errorf("the job of a rerun shows %+v, want the workspace of the first workflow", w)
	}
	read[api.Message](t, send(t, s, http.MethodPost, "/api/muster/v1/pipelines/"+p.ID+"/cancel", ""), http.StatusAccepted)
	s.Play()
}

// eventually asks until a job has a status, as clients of this API must.
func eventually(t *testing.T, s *gatewaytest.Server, workflow, job, status string) api.WorkflowJob {
	t.Helper()
	for range 10_000 {
		for _, j := range get[api.List[api.WorkflowJob]](t, s, workflow+"/job").Items {
			if j.Name == job && j.Status == status {
				return j
			}
		}
	}
	t.Fatalf("%s did not become %s", job, status)
	return api.WorkflowJob{}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	s := serve(t, gatewaytest.JobScript{Name: "build", Parallel: 2, Steps: []gatewaytest.StepScript{
		{Name: "Quiet"}, {Name: "Loud", Output: "héllo\n", ExitCode: 3},
	}})
	triggered(t, s, "")
	s.Play()
	job := get[api.Job](t, s, "/api/v2/project/"+slug+"/job/1")
	if job.Status != "failed" || job.Name != "build" || job.Parallelism != 2 || len(job.ParallelRuns) != 2 || job.Duration == nil || job.LatestWorkflow.Name != "main" {
		t.Errorf("got %+v", job)
	}
	build := get[api.Build](t, s, "/api/v1.1/project/github/acme/site/1")
	if build.Lifecycle != "finished" || *build.Outcome != "failed" || len(build.Steps) != 2 || len(build.Steps[1].Actions) != 2 {
		t.Fatalf("got %+v", build)
	}
	action := build.Steps[1].Actions[1]
	if action.Index != 1 || action.Step != 1 || *action.ExitCode != 3 || !action.HasOutput || action.Failed == nil || build.Steps[0].Actions[0].HasOutput {
		t.Errorf("action: got %+v", action)
	}
	a := send(t, s, http.MethodGet, strings.TrimPrefix(action.OutputURL, s.URL), "")
	if string(a.body) != "héllo\n" || a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("output: got %q as %v", a.body, a.header)
	}
	steps := get[api.JobSteps](t, s, "/api/muster/v1/jobs/"+job.ID+"/steps")
	if len(steps.Tasks) != 2 || steps.Tasks[1].Attempts[0].Steps[1].Bytes != 7 {
		t.Errorf("steps: got %+v", steps)
	}
	refused(t, send(t, s, http.MethodPost, "/api/v2/project/"+slug+"/job/1/cancel", ""), http.StatusConflict)
}

func TestWaitingJobsSayWhy(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Reason = "2 tasks of acme run, which is its limit"
	p := triggered(t, s, "")
	w := s.AddWorkflow(core.PipelineID(p.ID), "main", hello)
	id := s.JobNamed(w.ID, "build").ID
	s.QueueJob(id)
	job := get[api.Job](t, s, "/api/v2/project/"+slug+"/job/1")
	if len(job.Messages) != 1 || job.Messages[0].Message != s.Reason {
		t.Errorf("messages: got %+v", job.Messages)
	}
	if steps := get[api.JobSteps](t, s, "/api/muster/v1/jobs/"+string(id)+"/steps"); steps.Reason != s.Reason || steps.Tasks[0].Reason != s.Reason {
		t.Errorf("steps: got %+v", steps)
	}
}

func TestOutputRanges(t *testing.T) {
	t.Parallel()
	s := serve(t, gatewaytest.JobScript{Name: "build", Steps: []gatewaytest.StepScript{{Name: "digits", Output: "0123456789"}}})
	triggered(t, s, "")
	s.Play()
	job := get[api.Job](t, s, "/api/v2/project/"+slug+"/job/1")
	path := "/api/muster/v1/jobs/" + job.ID + "/tasks/0/steps/0/output"
	for _, test := range []struct {
		query, rang   string
		status        int
		body, content string
	}{
		{"", "", 200, "0123456789", ""},
		{"?offset=7", "", 200, "789", ""},
		{"?offset=99", "", 200, "", ""},
		{"?attempt=1", "bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"", "bytes=8-", 206, "89", "bytes 8-9/10"},
		{"", "bytes=8-100", 206, "89", "bytes 8-9/10"},
		{"", "bytes=-3", 206, "789", "bytes 7-9/10"},
		{"", "bytes=-30", 206, "0123456789", "bytes 0-9/10"},
		{"", "bytes=0-1,3-4", 200, "0123456789", ""},
		{"", "lines=1-2", 200, "0123456789", ""},
	} {
		a := send(t, s, http.MethodGet, path+test.query, "", "Range", test.rang)
		if a.status != test.status || string(a.body) != test.body || a.header.Get("Content-Range") != test.content {
			t.Errorf("%s %s: got %d %q %q, want %d %q %q", test.query, test.rang, a.status, a.body, a.header.Get("Content-Range"), test.status, test.body, test.content)
		}
	}
	for _, bad := range []string{"bytes=10-", "bytes=4-2", "bytes=-0", "bytes=x-"} {
		refused(t, send(t, s, http.MethodGet, path, "", "Range", bad), http.StatusRequestedRangeNotSatisfiable)
	}
	refused(t, send(t, s, http.MethodGet, path+"?attempt=2", ""), http.StatusNotFound)
	refused(t, send(t, s, http.MethodGet, strings.Replace(path, "steps/0", "steps/1", 1), ""), http.StatusNotFound)
}

func TestCompile(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.CompileResult = core.CompileResult{Errors: []core.ConfigError{{Message: "no such job", Line: 3, Column: 5, Suggestion: "did you mean build?"}}}
	body := `{"config_yaml":"version: 2.1","options":{"pipeline_values":{"pipeline.git.branch":"x"}}}`
	result := read[api.CompileResult](t, send(t, s, http.MethodPost, "/api/v2/compile-config-with-defaults", body), http.StatusOK)
	if result.Valid || len(result.Errors) != 1 || result.Errors[0].Line != 3 || !strings.Contains(result.Errors[0].Message, "config.yml:3:5: no such job") {
		t.Errorf("got %+v", result)
	}
}

func TestOwnTokens(t *testing.T) {
	t.Parallel()
	s := serve(t)
	created := read[api.CreatedToken](t, send(t, s, http.MethodPost, "/api/muster/v1/tokens", `{"label":"ci"}`), http.StatusCreated)
	me := read[api.User](t, send(t, s, http.MethodGet, "/api/v2/me", "", "Circle-Token", created.Value), http.StatusOK)
	if me.Login != "root" {
		t.Errorf("the new token is %s's", me.Login)
	}
	if list := get[api.List[api.Token]](t, s, "/api/muster/v1/tokens"); len(list.Items) != 2 {
		t.Errorf("got %+v, want two", list)
	}
	path := "/api/muster/v1/tokens/" + created.ID
	refused(t, send(t, s, http.MethodDelete, path, "", "Circle-Token", s.User), http.StatusNotFound)
	read[api.Message](t, send(t, s, http.MethodDelete, path, ""), http.StatusOK)
	refused(t, send(t, s, http.MethodGet, "/api/v2/me", "", "Circle-Token", created.Value), http.StatusUnauthorized)
	user := read[api.User](t, send(t, s, http.MethodPost, "/api/muster/v1/users", `{"login":"eve"}`), http.StatusCreated)
	if user.Login != "eve" || user.Admin {
		t.Errorf("got %+v", user)
	}
}
