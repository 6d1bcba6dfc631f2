// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"

	"github.com/muster-ci/muster/agent/answer"
)

func stepHalt() *command {
	return &command{
		path: "step halt", also: "task halt",
		short: "End the job after this step, as successful",
		long:  "The step itself goes on to its end. The steps after it are not run. A job that is already failing fails.",
		run: func(ctx context.Context, c *Call, _ []string) error {
			return c.ask(ctx, answer.PathHalt, answer.Nothing{}, nil)
		},
	}
}
