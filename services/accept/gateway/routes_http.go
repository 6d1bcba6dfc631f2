// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/api"
)

// endpoint is one row of the table. Either serve or raw handles it: serve
// returns what becomes JSON, raw writes something else (bytes, a stream).
type endpoint struct {
	method, path string
	summary      string
	access       access
	status       int      // of success
	query        []string // names of query parameters
	headers      []string // names of request headers
	in, out      any      // values of the types of body and answer; nil for none
	undone       any      // of the type of a declined's body; nil for an endpoint that returns none
	media        string   // of an answer or body that is no JSON
	serve        func(*request) (any, error)
	raw          gin.HandlerFunc
	failed       func(*gin.Context, error) // answers with an error; nil for CircleCI's form
}

// declined is what serve returns when the request was in order and nothing was
// done, which is said with status 200 where another one means that it was.
type declined struct{ body any }

// refuse answers with an error.
func (e endpoint) refuse(c *gin.Context, err error) {
	if e.failed != nil {
		e.failed(c, err)
		return
	}
	fail(c, err)
}

const (
	slugPath = "/:vcs/:org/:project"
	v2       = "/api/v2"
	v11      = "/api/v1.1"
	v3       = "/api/v3"
	own      = "/api/muster/v1"
)

// endpoints is the table: CircleCI's routes first, then ours.
func (s *Service) endpoints() []endpoint {
	table := s.userEndpoints()
	table = append(table, s.configEndpoints()...)
	table = append(table, s.projectEndpoints()...)
	table = append(table, s.pipelineEndpoints()...)
	table = append(table, s.workflowEndpoints()...)
	table = append(table, s.jobEndpoints()...)
	table = append(table, s.archiveEndpoints()...)
	table = append(table, s.testEndpoints()...)
	table = append(table, s.namespaceEndpoints()...)
	table = append(table, s.orbEndpoints()...)
	table = append(table, s.oidcEndpoints()...)
	table = append(table, s.sshEndpoints()...)
	table = append(table, s.serialEndpoints()...)
	return append(table, s.ownEndpoints()...)
}

func (s *Service) userEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: v2 + "/openapi.json", summary: "Describe this API", access: accessPublic, status: 200, media: "application/json", raw: s.serveOpenAPI},
		{method: http.MethodGet, path: v2 + "/me", summary: "Who am I", status: 200, out: api.User{}, serve: s.me},
		{method: http.MethodGet, path: v2 + "/me/collaborations", summary: "Organizations that I can see", status: 200, out: []api.Collaboration{}, serve: s.collaborations},
	}
}

func (s *Service) configEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodPost, path: v2 + "/compile-config-with-defaults", summary: "Compile a config", status: 200, in: api.CompileRequest{}, out: api.CompileResult{}, serve: s.compileConfig},
		{method: http.MethodPost, path: "/graphql-unstable", summary: "Run a GraphQL operation of CircleCI's command line: configs, orbs and namespaces", status: 200, in: api.GraphQLRequest{}, out: api.GraphQLResponse{}, serve: s.runGraphQL, failed: failGraphQL},
	}
}

func (s *Service) projectEndpoints() []endpoint {
	base := v2 + "/project" + slugPath
	return []endpoint{
		{method: http.MethodGet, path: base, summary: "Get a project", status: 200, out: api.Project{}, serve: s.getProject},
		{method: http.MethodPost, path: base, summary: "Create a project", access: accessAdmin, status: 201, in: api.NewProject{}, out: api.CreatedProject{}, serve: s.createProject},
		{method: http.MethodGet, path: base + "/settings", summary: "Get a project's settings", status: 200, out: api.ProjectSettings{}, serve: s.getSettings},
		{method: http.MethodPatch, path: base + "/settings", summary: "Change settings of a project", access: accessAdmin, status: 200, in: api.ProjectSettings{}, out: api.ProjectSettings{}, serve: s.updateSettings},
		{method: http.MethodGet, path: base + "/envvar", summary: "List environment variables, masked", status: 200, out: api.List[api.Variable]{}, serve: s.listVariables},
		{method: http.MethodPost, path: base + "/envvar", summary: "Create or replace an environment variable", access: accessAdmin, status: 201, in: api.Variable{}, out: api.Variable{}, serve: s.setVariable},
		{method: http.MethodGet, path: base + "/envvar/:name", summary: "Get an environment variable, masked", status: 200, out: api.Variable{}, serve: s.getVariable},
		{method: http.MethodDelete, path: base + "/envvar/:name", summary: "Delete an environment variable", access: accessAdmin, status: 200, out: api.Message{}, serve: s.deleteVariable},
		{method: http.MethodGet, path: v11 + "/projects", summary: "List projects (API v1.1)", status: 200, out: []api.BuildProject{}, serve: s.buildProjects},
	}
}

func (s *Service) pipelineEndpoints() []endpoint {
	base := v2 + "/project" + slugPath + "/pipeline"
	return []endpoint{
		{method: http.MethodPost, path: base, summary: "Trigger a pipeline", status: 201, headers: []string{"Idempotency-Key"}, in: api.TriggerRequest{}, out: api.Triggered{}, serve: s.trigger},
		{method: http.MethodPost, path: base + "/run", summary: "Run a project's pipeline definition, unless the commit says [ci skip]", status: 201, headers: []string{"Idempotency-Key"}, in: api.RunRequest{}, out: api.Triggered{}, undone: api.Message{}, serve: s.runPipeline},
		{method: http.MethodGet, path: base, summary: "List a project's pipelines, newest first", status: 200, query: []string{"branch", "page-token"}, out: api.List[api.Pipeline]{}, serve: s.projectPipelines},
		{method: http.MethodGet, path: base + "/mine", summary: "List a project's pipelines that I triggered", status: 200, query: []string{"page-token"}, out: api.List[api.Pipeline]{}, serve: s.myProjectPipelines},
		{method: http.MethodGet, path: base + "/:number", summary: "Get a pipeline by its number", status: 200, out: api.Pipeline{}, serve: s.pipelineByNumber},
		{method: http.MethodGet, path: v2 + "/pipeline", summary: "List the pipelines of an organization", status: 200, query: []string{"org-slug", "mine", "page-token"}, out: api.List[api.Pipeline]{}, serve: s.organizationPipelines},
		{method: http.MethodPost, path: v2 + "/pipeline/continue", summary: "Continue a pipeline from its setup phase; the continuation key is the permission", access: accessKey, status: 200, in: api.Continuation{}, out: api.Message{}, serve: s.continuePipeline},
		{method: http.MethodGet, path: v2 + "/pipeline/:id", summary: "Get a pipeline", status: 200, out: api.Pipeline{}, serve: s.getPipeline},
		{method: http.MethodGet, path: v2 + "/pipeline/:id/config", summary: "Get a pipeline's config, as written and as compiled", status: 200, out: api.PipelineConfig{}, serve: s.pipelineConfig},
		{method: http.MethodGet, path: v2 + "/pipeline/:id/values", summary: "Get a pipeline's values, by their names in a config", status: 200, out: map[string]any{}, serve: s.pipelineValues},
		{method: http.MethodGet, path: v2 + "/pipeline/:id/workflow", summary: "List a pipeline's workflows", status: 200, query: []string{"page-token"}, out: api.List[api.Workflow]{}, serve: s.pipelineWorkflows},
	}
}

func (s *Service) workflowEndpoints() []endpoint {
	base := v2 + "/workflow/:id"
	return []endpoint{
		{method: http.MethodGet, path: base, summary: "Get a workflow", status: 200, out: api.Workflow{}, serve: s.getWorkflow},
		{method: http.MethodGet, path: base + "/job", summary: "List a workflow's jobs", status: 200, out: api.List[api.WorkflowJob]{}, serve: s.workflowJobs},
		{method: http.MethodPost, path: base + "/cancel", summary: "Cancel a workflow", status: 202, out: api.Message{}, serve: s.cancelWorkflow},
		{method: http.MethodPost, path: base + "/rerun", summary: "Run a workflow again", status: 202, headers: []string{"Idempotency-Key"}, in: api.RerunRequest{}, out: api.Rerun{}, serve: s.rerunWorkflow},
		{method: http.MethodPost, path: base + "/approve/:approval", summary: "Approve a job that waits for it", status: 202, out: api.Message{}, serve: s.approve},
	}
}

func (s *Service) jobEndpoints() []endpoint {
	base := v2 + "/project" + slugPath + "/job/:number"
	return []endpoint{
		{method: http.MethodGet, path: base, summary: "Get a job", status: 200, out: api.Job{}, serve: s.getJob},
		{method: http.MethodPost, path: base + "/cancel", summary: "Cancel a job", status: 200, out: api.Message{}, serve: s.cancelJobByNumber},
		{method: http.MethodPost, path: v2 + "/jobs/:id/cancel", summary: "Cancel a job by its id", status: 200, out: api.Message{}, serve: s.cancelJob},
		{method: http.MethodGet, path: v3 + "/jobs/:id/resource-usage", summary: "What a job used of its resource class (API v3)", status: 200, out: api.V3[api.V3Usage]{}, serve: s.jobUsageV3},
		{method: http.MethodGet, path: v11 + "/project" + slugPath + "/:number", summary: "Get a job with its steps (API v1.1)", status: 200, out: api.Build{}, serve: s.build},
	}
}

func (s *Service) ownEndpoints() []endpoint {
	step := own + "/jobs/:id/tasks/:index/steps/:step"
	return []endpoint{
		{method: http.MethodGet, path: own + "/projects", summary: "List projects", status: 200, query: []string{"page-token"}, out: api.List[api.Project]{}, serve: s.listProjects},
		{method: http.MethodGet, path: own + "/organization/:vcs/:org/settings", summary: "Get an organization's settings", status: 200, out: api.OrganizationSettings{}, serve: s.getOrganization},
		{method: http.MethodPatch, path: own + "/organization/:vcs/:org/settings", summary: "Change settings of an organization", access: accessAdmin, status: 200, in: api.OrganizationSettings{}, out: api.OrganizationSettings{}, serve: s.updateOrganization},
		{method: http.MethodPut, path: own + "/project" + slugPath + "/bundle", summary: "Upload a git bundle to build from", status: 201, out: api.Bundle{}, media: "application/x-git-bundle", raw: s.uploadBundle},
		{method: http.MethodPost, path: own + "/pipelines/:id/cancel", summary: "Cancel a pipeline with all of its workflows", status: 202, out: api.Message{}, serve: s.cancelPipeline},
		{method: http.MethodGet, path: own + "/pipelines/:id/events", summary: "Follow a pipeline (server-sent events)", status: 200, headers: []string{"Last-Event-ID"}, media: "text/event-stream", raw: s.pipelineEvents},
		{method: http.MethodGet, path: own + "/jobs/:id/events", summary: "Follow a job (server-sent events)", status: 200, headers: []string{"Last-Event-ID"}, media: "text/event-stream", raw: s.jobEvents},
		{method: http.MethodGet, path: own + "/jobs/:id/steps", summary: "Steps of a job's tasks and attempts", status: 200, out: api.JobSteps{}, serve: s.jobSteps},
		{method: http.MethodGet, path: own + "/jobs/:id/resource-usage", summary: "What a job's tasks used of their resource class, with samples", status: 200, out: api.JobUsage{}, serve: s.jobUsage},
		{method: http.MethodGet, path: own + "/workflows/:id/resource-usage", summary: "What the jobs of a workflow used of their resource classes", status: 200, out: api.List[api.JobUsage]{}, serve: s.workflowUsage},
		{method: http.MethodGet, path: step + "/output", summary: "Output of a step as plain text", status: 200, query: []string{"attempt", "offset"}, headers: []string{"Range"}, media: "text/plain", raw: s.plainOutput},
		{method: http.MethodGet, path: step + "/stream", summary: "Output of a step as it comes (server-sent events)", status: 200, query: []string{"attempt", "offset"}, headers: []string{"Last-Event-ID"}, media: "text/event-stream", raw: s.streamOutput},
		{method: http.MethodGet, path: own + "/tokens", summary: "List my tokens", status: 200, out: api.List[api.Token]{}, serve: s.listTokens},
		{method: http.MethodPost, path: own + "/tokens", summary: "Create a token", status: 201, in: api.NewToken{}, out: api.CreatedToken{}, serve: s.createToken},
		{method: http.MethodDelete, path: own + "/tokens/:id", summary: "Revoke one of my tokens", status: 200, out: api.Message{}, serve: s.revokeToken},
		{method: http.MethodPost, path: own + "/users", summary: "Create a user", access: accessAdmin, status: 201, in: api.NewUser{}, out: api.User{}, serve: s.createUser},
		{method: http.MethodGet, path: own + "/admin/stuck", summary: "List work that failed too often and was set aside", access: accessAdmin, status: 200, query: []string{"service"}, out: api.StuckRows{}, serve: s.listStuck},
		{method: http.MethodPost, path: own + "/admin/stuck/retry", summary: "Try work again that was set aside", access: accessAdmin, status: 200, in: api.StuckRetry{}, out: api.StuckRows{}, serve: s.retryStuck},
		{method: http.MethodGet, path: own + "/admin/signing-keys", summary: "List the keys of the tokens of jobs", access: accessAdmin, status: 200, out: api.List[api.SigningKey]{}, serve: s.listSigningKeys},
		{method: http.MethodPost, path: own + "/admin/signing-keys/rotate", summary: "Make a new key for the tokens of jobs, and end all others at once if asked to", access: accessAdmin, status: 200, in: api.SigningKeyRotation{}, out: api.List[api.SigningKey]{}, serve: s.rotateSigningKeys},
	}
}
