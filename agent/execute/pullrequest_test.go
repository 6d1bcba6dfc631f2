// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

func TestVariablesOfPullRequests(t *testing.T) {
	t.Parallel()
	const url = "https://forge.example.com/acme/site/pull/"
	first := core.PullRequest{Number: 7, URL: url + "7", Author: "octocat"}
	second := core.PullRequest{Number: 9, URL: url + "9", Author: "ann"}
	for name, c := range map[string]struct {
		fork string
		open []core.PullRequest
		want map[string]string
	}{
		"none": {want: map[string]string{}},
		"one of the own repository": {
			open: []core.PullRequest{first},
			want: map[string]string{"CIRCLE_PULL_REQUEST": url + "7", "CIRCLE_PULL_REQUESTS": url + "7"},
		},
		"two of one branch": {
			open: []core.PullRequest{second, first},
			want: map[string]string{"CIRCLE_PULL_REQUEST": url + "9", "CIRCLE_PULL_REQUESTS": url + "9," + url + "7"},
		},
		"from a fork": {
			fork: "octocat/site-of-mine", open: []core.PullRequest{first},
			want: map[string]string{
				"CIRCLE_PULL_REQUEST": url + "7", "CIRCLE_PULL_REQUESTS": url + "7",
				"CIRCLE_PR_NUMBER": "7", "CIRCLE_PR_REPONAME": "site-of-mine", "CIRCLE_PR_USERNAME": "octocat",
			},
		},
		"a fork without a pull request": {fork: "octocat/site", want: map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := &job{Runner: &Runner{}}
			j.task.Spec.Pipeline.Source.Fork = c.fork
			j.task.Spec.Pipeline.Trigger.PullRequests = c.open
			j.setBuiltin()
			got := map[string]string{}
			for _, name := range []string{
				"CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS", "CIRCLE_PR_NUMBER", "CIRCLE_PR_REPONAME", "CIRCLE_PR_USERNAME",
			} {
				for _, v := range j.builtin.sorted() {
					if v.Name == name {
						got[name] = v.Value
					}
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
