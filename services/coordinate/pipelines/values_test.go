// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"testing"

	"github.com/muster-ci/muster/core"
)

func TestValuesOfATagAndOfAConfigThatWasGiven(t *testing.T) {
	t.Parallel()
	p := &pipeline{}
	p.Context.V = core.Project{Name: "site", Organization: core.Organization{VCS: "gh", Name: "acme"}, DefaultBranch: "main"}
	p.Trigger.V = core.Trigger{Type: core.TriggerWebhook}
	got := pipelineValues(p, core.Source{Tag: "v1", Revision: "abc"}, "", true)
	for name, want := range map[string]any{
		"git.tag": "v1", "git.branch": nil, "git.branch.is_default": nil, "trigger_source": "webhook",
		"event.name": nil, "config_source": "api", "config.sha": nil, "config.file_path": nil, "project.type": "github",
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
}

func TestValuesOfAForgesEvent(t *testing.T) {
	t.Parallel()
	pr := core.PullRequest{
		Number: 7, URL: "https://github.com/acme/site/pull/7", Title: "Mend it", Author: "octocat", Draft: true,
		Base: core.BranchTip{Branch: "main", Revision: "b"}, Head: core.BranchTip{Branch: "topic", Revision: "h"},
	}
	const prefix = "event.github.pull_request."
	for name, c := range map[string]struct {
		trigger core.Trigger
		vcs     string
		want    map[string]any // nil for what is not to be there
	}{
		"a pull request": {
			trigger: core.Trigger{Type: core.TriggerWebhook, Event: core.EventPullRequest, Action: "opened", PullRequests: []core.PullRequest{pr, {Number: 9}}},
			vcs:     "gh",
			want: map[string]any{
				"event.name": "pull_request", "event.action": "opened", "event.context.github.pr_url": pr.URL,
				prefix + "number": int64(7), prefix + "url": pr.URL, prefix + "title": "Mend it", prefix + "draft": true, prefix + "merged": false,
				prefix + "base.ref": "main", prefix + "base.sha": "b", prefix + "head.ref": "topic", prefix + "head.sha": "h",
			},
		},
		"a push to its branch": {
			trigger: core.Trigger{Type: core.TriggerWebhook, Event: core.EventPush, PullRequests: []core.PullRequest{pr}},
			vcs:     "gh",
			want:    map[string]any{"event.name": "push", "event.action": "push", "event.context.github.pr_url": pr.URL, prefix + "number": nil, prefix + "draft": nil},
		},
		"another forge": {
			trigger: core.Trigger{Type: core.TriggerWebhook, Event: core.EventPullRequest, Action: "opened", PullRequests: []core.PullRequest{pr}},
			vcs:     "bb",
			want:    map[string]any{"event.name": "pull_request", "event.action": "opened", "event.context.github.pr_url": nil, prefix + "number": nil},
		},
	} {
		p := &pipeline{}
		p.Context.V = core.Project{Name: "site", Organization: core.Organization{VCS: c.vcs, Name: "acme"}}
		p.Trigger.V = c.trigger
		got := pipelineValues(p, core.Source{Branch: "topic"}, "", false)
		for value, want := range c.want {
			if got[value] != want {
				t.Errorf("%s: %s: got %v, want %v", name, value, got[value], want)
			}
		}
	}
}
