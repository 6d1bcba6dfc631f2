// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
)

// pipelineValues returns what a config may read as `pipeline.*`. A value that
// is not known, or empty, is left out: to the config language it is declared
// and null. path is the config's in the repository;
// given tells that it came with the trigger.
func pipelineValues(p *pipeline, source core.Source, path string, given bool) core.PipelineValues {
	project, trigger := p.Context.V, p.Trigger.V
	remote := source.RepositoryURL
	if remote == "" {
		remote = project.RepositoryURL
	}
	v := core.PipelineValues{"id": p.ID, "number": p.Number}
	for name, text := range map[string]string{
		"project.git_url":         remote,
		"project.id":              string(project.ID),
		"project.slug":            project.Slug(),
		"project.type":            projectType(project, remote),
		"organization.id":         string(project.Organization.ID),
		"trigger_source":          string(trigger.Type),
		"trigger.type":            string(trigger.Type),
		"trigger.received_at":     trigger.ReceivedAt.UTC().Format(time.RFC3339),
		"event.circleci_actor_id": string(trigger.Actor.ID),
		"git.branch":              source.Branch,
		"git.tag":                 source.Tag,
		"git.revision":            source.Revision,
		"git.repo_owner":          project.Organization.Name,
		"git.repo_name":           project.Name,
		"git.repo_url":            remote,
		"git.commit.subject":      source.Subject,
		"git.commit.body":         source.Body,
		"git.commit.author_name":  source.Author,
	} {
		set(v, name, text)
	}
	if source.Branch != "" {
		v["git.branch.is_default"] = source.Branch == project.DefaultBranch
	}
	eventValues(v, trigger, projectType(project, remote))
	configValues(v, project, source, path, given)
	return v
}

// eventValues adds what happened. Of pull requests only GitHub's have values.
func eventValues(v core.PipelineValues, trigger core.Trigger, forge string) {
	name := trigger.Event
	if trigger.Type == core.TriggerAPI {
		name = string(trigger.Type)
	}
	set(v, "event.name", name)
	set(v, "event.action", cmp.Or(trigger.Action, name))
	if forge != "github" || len(trigger.PullRequests) == 0 {
		return
	}
	pr := trigger.PullRequests[0]
	set(v, "event.context.github.pr_url", pr.URL)
	if trigger.Event != core.EventPullRequest {
		return
	}
	const prefix = "event.github.pull_request."
	v[prefix+"number"], v[prefix+"draft"], v[prefix+"merged"] = pr.Number, pr.Draft, pr.Merged
	for name, text := range map[string]string{
		"title": pr.Title, "url": pr.URL,
		"base.ref": pr.Base.Branch, "base.sha": pr.Base.Revision,
		"head.ref": pr.Head.Branch, "head.sha": pr.Head.Revision,
	} {
		set(v, prefix+name, text)
	}
}

// configValues adds where the config comes from.
func configValues(v core.PipelineValues, project core.Project, source core.Source, path string, given bool) {
	if given {
		v["config_source"] = "api"
		return
	}
	kind := "circleci"
	if strings.HasSuffix(path, ".hcl") {
		kind = "hcl"
	}
	for name, text := range map[string]string{
		"config_source":          projectType(project, source.RepositoryURL),
		"config.file_path":       cmp.Or(path, configPath),
		"config.file_type":       kind,
		"config.sha":             source.Revision,
		"config.ref":             ref(source),
		"config.repository.name": project.Organization.Name + "/" + project.Name,
		"config.repository.url":  source.RepositoryURL,
	} {
		set(v, name, text)
	}
}

// set adds a value that is not empty.
func set(v core.PipelineValues, name, text string) {
	if text != "" {
		v[name] = text
	}
}

// configPath is where a repository keeps its config.
const configPath = ".circleci/config.yml"

func ref(source core.Source) string {
	switch {
	case source.Tag != "":
		return "refs/tags/" + source.Tag
	case source.Branch != "":
		return "refs/heads/" + source.Branch
	default:
		return ""
	}
}

// projectType is the lower-case name of the forge. A project under "circleci"
// may live anywhere, so its address tells.
func projectType(project core.Project, remote string) string {
	switch project.Organization.VCS {
	case "gh":
		return "github"
	case "bb":
		return "bitbucket"
	}
	host := remote
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		host = u.Host
	}
	for _, forge := range []string{"github", "gitlab", "bitbucket"} {
		if strings.Contains(host, forge) {
			return forge
		}
	}
	return project.Organization.VCS
}
