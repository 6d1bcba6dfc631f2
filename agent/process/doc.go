// SPDX-License-Identifier: MPL-2.0

// Package process starts the commands of a build, each in a session of its
// own, and sees to it that nothing of them is left behind: descendants are
// stopped politely and then firmly, orphans are adopted and reaped.
//
// It is used by execute and checkout, which run commands, and by supervise,
// which hardens the agent's own process and sweeps up at the end of the job.
package process
