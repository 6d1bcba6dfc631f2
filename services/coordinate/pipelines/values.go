// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"net/url"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
)

// pipelineValues returns what a config may read as `pipeline.*`. A value that
// is not known, or empty, is left out: to the config language it is declared
// and null.
func pipelineValues(p *pipeline, source core.Source) core.PipelineValues {
	project, trigger := p.Context.V, p.Trigger.V
	remote := source.RepositoryURL
	if remote == "" {
		remote = project.RepositoryURL
	}
	v := core.PipelineValues{"id": p.ID, "number": p.Number}
	for name, text := range map[string]string{
		"project.git_url":        remote,
		"project.type":           projectType(project, remote),
		"trigger_source":         string(trigger.Type),
		"trigger.type":           string(trigger.Type),
		"trigger.received_at":    trigger.ReceivedAt.UTC().Format(time.RFC3339),
		"git.branch":             source.Branch,
		"git.tag":                source.Tag,
		"git.revision":           source.Revision,
		"git.repo_owner":         project.Organization.Name,
		"git.repo_name":          project.Name,
		"git.repo_url":           remote,
		"git.commit.subject":     source.Subject,
		"git.commit.body":        source.Body,
		"git.commit.author_name": source.Author,
		"config.file_path":       configPath,
		"config.sha":             source.Revision,
		"config.ref":             ref(source),
	} {
		if text != "" {
			v[name] = text
		}
	}
	if source.Branch != "" {
		v["git.branch.is_default"] = source.Branch == project.DefaultBranch
	}
	return v
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
