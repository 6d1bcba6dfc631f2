// SPDX-License-Identifier: MPL-2.0

package config

import "github.com/muster-ci/muster/core"

// OutsideValues are what a config sees that is compiled outside of a pipeline,
// CircleCI's for the same case.
func OutsideValues() core.PipelineValues {
	return core.PipelineValues{
		"id": "00000000-0000-0000-0000-000000000001", "number": 1,
		"project.git_url": "https://example.com/org/repo", "project.type": "github", "project.slug": "gh/org/repo",
		"git.branch": "main", "git.tag": "", "git.revision": "0000000000000000000000000000000000000000",
		"git.base_revision": "", "trigger_source": "api",
	}
}
