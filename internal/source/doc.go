// SPDX-License-Identifier: MPL-2.0

// Package source reads one file, and what a commit says of itself, out of a
// repository that it does not keep: over the network by git's own protocol, out
// of an uploaded git bundle, or, in embedded mode, from a folder of this
// machine.
//
// Nothing is checked out. A repository is fetched one commit deep into a
// temporary folder, of which only the objects on the way to the file are read;
// size and time are bounded.
//
// Faults of the request (no such branch, no such file, no such repository) are
// sentences in the result, because asking again cannot help; faults of the road
// are errors with core.CodeUnavailable.
package source
