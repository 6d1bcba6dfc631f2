// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/pipe"
)

// Me returns the user of the token.
func (c *Client) Me(ctx context.Context) (api.User, error) {
	return call[api.User](ctx, c, http.MethodGet, v2+"/me", nil)
}

// Project returns a project by its slug.
func (c *Client) Project(ctx context.Context, slug string) (api.Project, error) {
	return call[api.Project](ctx, c, http.MethodGet, v2+"/project/"+slug, nil)
}

// CreateProject makes a project.
func (c *Client) CreateProject(ctx context.Context, slug string, p api.NewProject) (api.CreatedProject, error) {
	return call[api.CreatedProject](ctx, c, http.MethodPost, v2+"/project/"+slug, p)
}

// ProjectSettings returns the settings of a project.
func (c *Client) ProjectSettings(ctx context.Context, slug string) (api.ProjectSettings, error) {
	return call[api.ProjectSettings](ctx, c, http.MethodGet, v2+"/project/"+slug+"/settings", nil)
}

// SetProjectSettings changes what in names and returns all.
func (c *Client) SetProjectSettings(ctx context.Context, slug string, in api.ProjectSettings) (api.ProjectSettings, error) {
	return call[api.ProjectSettings](ctx, c, http.MethodPatch, v2+"/project/"+slug+"/settings", in)
}

// OrganizationSettings returns the settings of an organization, by its slug.
func (c *Client) OrganizationSettings(ctx context.Context, slug string) (api.OrganizationSettings, error) {
	return call[api.OrganizationSettings](ctx, c, http.MethodGet, own+"/organization/"+slug+"/settings", nil)
}

// SetOrganizationSettings changes what in names and returns all.
func (c *Client) SetOrganizationSettings(ctx context.Context, slug string, in api.OrganizationSettings) (api.OrganizationSettings, error) {
	return call[api.OrganizationSettings](ctx, c, http.MethodPatch, own+"/organization/"+slug+"/settings", in)
}

// Serials returns the serial groups of an organization that somebody has.
func (c *Client) Serials(ctx context.Context, slug string) ([]api.SerialGroup, error) {
	return all[api.SerialGroup](ctx, c, own+"/organization/"+slug+"/serial-groups", 1)
}

// ReleaseSerial takes a serial group from its holder.
func (c *Client) ReleaseSerial(ctx context.Context, slug, key string) (api.Message, error) {
	return call[api.Message](ctx, c, http.MethodPost, own+"/organization/"+slug+"/serial-groups/release", api.SerialRelease{Key: key})
}

// Stuck returns work that was set aside, of one service or of all.
func (c *Client) Stuck(ctx context.Context, service string) (api.StuckRows, error) {
	path := own + "/admin/stuck"
	if service != "" {
		path += "?service=" + url.QueryEscape(service)
	}
	return call[api.StuckRows](ctx, c, http.MethodGet, path, nil)
}

// RetryStuck puts work back that was set aside, and returns what it was.
func (c *Client) RetryStuck(ctx context.Context, r api.StuckRetry) (api.StuckRows, error) {
	return call[api.StuckRows](ctx, c, http.MethodPost, own+"/admin/stuck/retry", r)
}

// SigningKeys returns the keys of the tokens of jobs, oldest first.
func (c *Client) SigningKeys(ctx context.Context) (api.List[api.SigningKey], error) {
	return call[api.List[api.SigningKey]](ctx, c, http.MethodGet, own+"/admin/signing-keys", nil)
}

// RotateSigningKeys makes a new one and returns all.
func (c *Client) RotateSigningKeys(ctx context.Context, r api.SigningKeyRotation) (api.List[api.SigningKey], error) {
	return call[api.List[api.SigningKey]](ctx, c, http.MethodPost, own+"/admin/signing-keys/rotate", r)
}

// Projects returns all projects.
func (c *Client) Projects(ctx context.Context) ([]api.Project, error) {
	return all[api.Project](ctx, c, own+"/projects", 500)
}

// Variables returns a project's environment variables with masked values.
func (c *Client) Variables(ctx context.Context, slug string) ([]api.Variable, error) {
	return all[api.Variable](ctx, c, v2+"/project/"+slug+"/envvar", 100)
}

// SetVariable creates or replaces an environment variable.
func (c *Client) SetVariable(ctx context.Context, slug string, v api.Variable) (api.Variable, error) {
	return call[api.Variable](ctx, c, http.MethodPost, v2+"/project/"+slug+"/envvar", v)
}

// DeleteVariable removes an environment variable.
func (c *Client) DeleteVariable(ctx context.Context, slug, name string) error {
	_, err := call[api.Message](ctx, c, http.MethodDelete, v2+"/project/"+slug+"/envvar/"+url.PathEscape(name), nil)
	return err
}

// UploadBundle sends a git bundle and returns its key. It has no time limit of
// its own.
func (c *Client) UploadBundle(ctx context.Context, slug string, bundle io.Reader) (api.Bundle, error) {
	var out api.Bundle
	response, err := c.send(ctx, http.MethodPut, own+"/project/"+slug+"/bundle", bundle, "Content-Type", "application/x-git-bundle")
	if err != nil {
		return out, err
	}
	defer response.Body.Close()
	return out, decode(response, &out)
}

// Trigger starts a pipeline. The key makes it safe to ask again after a lost
// answer; "" for none.
func (c *Client) Trigger(ctx context.Context, slug string, t api.TriggerRequest, key string) (api.Triggered, error) {
	return call[api.Triggered](ctx, c, http.MethodPost, v2+"/project/"+slug+"/pipeline", t, "Idempotency-Key", key)
}

// Pipeline returns a pipeline by its id.
func (c *Client) Pipeline(ctx context.Context, id string) (api.Pipeline, error) {
	return call[api.Pipeline](ctx, c, http.MethodGet, v2+"/pipeline/"+id, nil)
}

// PipelineByNumber returns a pipeline of a project.
func (c *Client) PipelineByNumber(ctx context.Context, slug string, number int64) (api.Pipeline, error) {
	return call[api.Pipeline](ctx, c, http.MethodGet, v2+"/project/"+slug+"/pipeline/"+strconv.FormatInt(number, 10), nil)
}

// ProjectPipelines returns the newest pipelines of a project.
func (c *Client) ProjectPipelines(ctx context.Context, slug, branch string) ([]api.Pipeline, error) {
	path := v2 + "/project/" + slug + "/pipeline"
	if branch != "" {
		path += "?branch=" + url.QueryEscape(branch)
	}
	list, err := call[api.List[api.Pipeline]](ctx, c, http.MethodGet, path, nil)
	return list.Items, err
}

// PipelineWorkflows returns the workflows of a pipeline, newest first.
func (c *Client) PipelineWorkflows(ctx context.Context, id string) ([]api.Workflow, error) {
	return all[api.Workflow](ctx, c, v2+"/pipeline/"+id+"/workflow", 100)
}

// CancelPipeline ends a pipeline with all of its workflows.
func (c *Client) CancelPipeline(ctx context.Context, id string) error {
	_, err := call[api.Message](ctx, c, http.MethodPost, own+"/pipelines/"+id+"/cancel", nil)
	return err
}

// WorkflowJobs returns the jobs of a workflow.
func (c *Client) WorkflowJobs(ctx context.Context, id string) ([]api.WorkflowJob, error) {
	return all[api.WorkflowJob](ctx, c, v2+"/workflow/"+id+"/job", 100)
}

// WorkflowUsage returns what the jobs of a workflow used of their classes.
func (c *Client) WorkflowUsage(ctx context.Context, id string) ([]api.JobUsage, error) {
	return all[api.JobUsage](ctx, c, own+"/workflows/"+id+"/resource-usage", 100)
}

// CancelWorkflow ends a workflow.
func (c *Client) CancelWorkflow(ctx context.Context, id string) error {
	_, err := call[api.Message](ctx, c, http.MethodPost, v2+"/workflow/"+id+"/cancel", nil)
	return err
}

// Rerun runs a workflow again and returns the id of the new one.
func (c *Client) Rerun(ctx context.Context, id string, r api.RerunRequest) (api.Rerun, error) {
	return call[api.Rerun](ctx, c, http.MethodPost, v2+"/workflow/"+id+"/rerun", r)
}

// Approve releases a job that waits for approval.
func (c *Client) Approve(ctx context.Context, workflow, request string) error {
	_, err := call[api.Message](ctx, c, http.MethodPost, v2+"/workflow/"+workflow+"/approve/"+request, nil)
	return err
}

// Job returns a job by its number.
func (c *Client) Job(ctx context.Context, slug string, number int64) (api.Job, error) {
	return call[api.Job](ctx, c, http.MethodGet, fmt.Sprintf("%s/project/%s/job/%d", v2, slug, number), nil)
}

// CancelJob ends a job.
func (c *Client) CancelJob(ctx context.Context, id string) error {
	_, err := call[api.Message](ctx, c, http.MethodPost, v2+"/jobs/"+id+"/cancel", nil)
	return err
}

// JobSteps returns what the tasks of a job did.
func (c *Client) JobSteps(ctx context.Context, id string) (api.JobSteps, error) {
	return call[api.JobSteps](ctx, c, http.MethodGet, own+"/jobs/"+id+"/steps", nil)
}

// Output opens the output of a step as it is now. Attempt 0 is the latest.
func (c *Client) Output(ctx context.Context, job string, index, step, attempt int) (io.ReadCloser, error) {
	path := fmt.Sprintf("%s/jobs/%s/tasks/%d/steps/%d/output", own, job, index, step)
	if attempt > 0 {
		path += "?attempt=" + strconv.Itoa(attempt)
	}
	response, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// Compile compiles a config as if it was triggered by hand.
func (c *Client) Compile(ctx context.Context, r api.CompileRequest) (api.CompileResult, error) {
	return call[api.CompileResult](ctx, c, http.MethodPost, v2+"/compile-config-with-defaults", r)
}

// ContinuePipeline continues a setup pipeline; the key is the permission.
func (c *Client) ContinuePipeline(ctx context.Context, continuation api.Continuation) (api.Message, error) {
	return call[api.Message](ctx, c, http.MethodPost, v2+"/pipeline/continue", continuation)
}

// SSHKeys returns the user's SSH keys.
func (c *Client) SSHKeys(ctx context.Context) ([]api.SSHKey, error) {
	return all[api.SSHKey](ctx, c, own+"/ssh-keys", 1)
}

// AddSSHKey adds a public key.
func (c *Client) AddSSHKey(ctx context.Context, k api.NewSSHKey) (api.SSHKey, error) {
	return call[api.SSHKey](ctx, c, http.MethodPost, own+"/ssh-keys", k)
}

// RemoveSSHKey removes one of the user's SSH keys.
func (c *Client) RemoveSSHKey(ctx context.Context, id string) error {
	_, err := call[api.Message](ctx, c, http.MethodDelete, own+"/ssh-keys/"+url.PathEscape(id), nil)
	return err
}

// SSHPlaces returns where the tasks of a job can be logged in to.
func (c *Client) SSHPlaces(ctx context.Context, job string) ([]api.SSHPlace, error) {
	return all[api.SSHPlace](ctx, c, own+"/jobs/"+url.PathEscape(job)+"/ssh", 1)
}

// ConnectSSH opens a connection to the SSH server of a job's task. It lives
// until it is closed or ctx ends.
func (c *Client) ConnectSSH(ctx context.Context, job string, index int) (io.ReadWriteCloser, error) {
	path := fmt.Sprintf("%s/jobs/%s/tasks/%d/ssh", own, url.PathEscape(job), index)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	request.Header.Set("Circle-Token", c.token)
	pipe.Ask(request)
	response, err := oneConnection(c.http.Transport).RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", c.base, unwrapURL(err))
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return pipe.Opened(response)
	}
	defer response.Body.Close()
	return nil, readError(response)
}

// oneConnection speaks HTTP/1.1, in which a connection can become a pipe.
func oneConnection(transport http.RoundTripper) http.RoundTripper {
	base, ok := transport.(*http.Transport)
	if transport == nil {
		base, ok = http.DefaultTransport.(*http.Transport)
	}
	if !ok {
		return transport
	}
	own := base.Clone()
	own.Protocols = new(http.Protocols)
	own.Protocols.SetHTTP1(true)
	return own
}

// Tokens returns the user's tokens.
func (c *Client) Tokens(ctx context.Context) ([]api.Token, error) {
	return all[api.Token](ctx, c, own+"/tokens", 1)
}

// CreateToken makes a personal token; its value is shown this once.
func (c *Client) CreateToken(ctx context.Context, label string) (api.CreatedToken, error) {
	return call[api.CreatedToken](ctx, c, http.MethodPost, own+"/tokens", api.NewToken{Label: label})
}

// RevokeToken ends one of the user's tokens.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	_, err := call[api.Message](ctx, c, http.MethodDelete, own+"/tokens/"+url.PathEscape(id), nil)
	return err
}
