// SPDX-License-Identifier: MPL-2.0

// Package archive moves what a job keeps between the agent and the object
// store: caches, layers of workspaces, artifacts and files of test results.
// Package tree says what is in a tar; here an archive is a stream of plain
// bytes that becomes parts, and parts that become it again:
//
//	Writer:  bytes -> blocks of 1 MiB -> zstd frames, on all cores -> parts of
//	         16 to 17 MiB -> sealed, SHA-256 -> PUT, several at once -> commit
//	Reader:  GET, several at once (or a local copy) -> SHA-256 -> opened ->
//	         frames, on all cores -> bytes in their order
//
// Nothing of it touches a disk on the way, and memory is bounded by the number
// of parts and blocks under way, not by what is kept. Artifacts are not
// compressed, so that a range of a file is a range of parts.
//
// A part is the unit of trying again: it is sent anew from memory, and fetched
// on from where a cut left it. A call or a part is tried until Config.Patience
// has passed since its first failure; the caller decides what an error means
// for the step.
//
// With Config.CopiesDir parts of caches and workspaces are also kept in a folder
// of the client, under their digest and as they lie in the store: encrypted. A
// copy is trusted no more than the store is, and the folder less: builds can
// write to it.
package archive
