// SPDX-License-Identifier: MPL-2.0

// Package answer is how the commands of a job talk to its agent: HTTP over a
// unix socket in the folder $CIRCLE_INTERNAL_TASK_DATA.
//
// A feature of the agent registers its paths with Handle before the Server
// listens; the commands (package agent/circleci) reach them through a Caller.
// The socket takes only processes that descend from the agent, whatever user
// they run as, so a build that changes its user can still talk to it and
// another user of the same machine cannot. A build may ask whatever it likes:
// bodies, answers, times and the number of calls at once are bounded, and what
// is registered here must be fit for every process of the build to read. The
// agent's tokens and the values of secrets are not.
package answer
