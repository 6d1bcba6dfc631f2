// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"path"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
)

// pullRequestVariables are what a job learns of the pull requests that its
// pipeline belongs to; none where there are none. What CircleCI gives to
// pull requests from forks only is given to these only.
func pullRequestVariables(p core.PipelineContext) []core.EnvVar {
	var urls []string
	for _, pr := range p.Trigger.PullRequests {
		if pr.URL != "" {
			urls = append(urls, pr.URL)
		}
	}
	var out []core.EnvVar
	if len(urls) > 0 {
		out = append(out, core.EnvVar{Name: "CIRCLE_PULL_REQUEST", Value: urls[0]},
			core.EnvVar{Name: "CIRCLE_PULL_REQUESTS", Value: strings.Join(urls, ",")})
	}
	if p.Source.Fork == "" || len(p.Trigger.PullRequests) == 0 {
		return out
	}
	pr := p.Trigger.PullRequests[0]
	return append(out, core.EnvVar{Name: "CIRCLE_PR_NUMBER", Value: strconv.FormatInt(pr.Number, 10)},
		core.EnvVar{Name: "CIRCLE_PR_REPONAME", Value: path.Base(p.Source.Fork)},
		core.EnvVar{Name: "CIRCLE_PR_USERNAME", Value: pr.Author})
}
