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
