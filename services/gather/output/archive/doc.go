// SPDX-License-Identifier: MPL-2.0

// Package archive keeps what tasks keep beyond their output: caches, layers of
// workspaces, artifacts and files of test results. It is part of the service
// output, which authenticates agents and calls it with the attempt that a task
// token stands for.
//
// The bytes never pass through it on their way in: an agent PUTs encrypted
// parts into the object store by URLs signed here, and a commit makes the whole
// visible after the store was asked whether all of it is there.
//
//	agent ─ begin ─► row "open", secret ─ upload ─► URLs ═ parts ═► object store
//	agent ─ commit ─► sizes as the store has them ─► row "committed", artifacts
//
// Who an attempt is (project, job, jobs upstream, fork) is what placements said
// when it was claimed, never what the agent says.
//
// What is checked of the bytes: a bucket tells the size of each part, and no
// more. The SHA-256 that a commit names is checked by every agent that reads a
// part, and by the folder store while it is sent, where Content-Digest comes with
// it; the encryption is
// authenticated as well, so that a part that was changed, moved or cut does not
// open. A URL to PUT works for 15 minutes, also after the commit: a task could
// replace a part of its own by then, which whoever checks the SHA-256 notices.
//
// Tables: archive_tasks, archives (also the sweeper's work) and artifacts.
package archive
