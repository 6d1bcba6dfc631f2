// SPDX-License-Identifier: MPL-2.0

// Package execute runs the steps of one task, as CircleCI's job runtime does:
// which shell, what environment, in which state of the job, with which
// timeouts. It tells what happens through a stream.Recorder and starts
// commands through a process.Table; package checkout brings the source.
//
// The steps of a task are, in order: spin_up and environment, which are the
// agent's own, and those of the plan. Steps in the background overlap with
// later ones and end with the job.
package execute
