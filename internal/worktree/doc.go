// SPDX-License-Identifier: MPL-2.0

// Package worktree looks at the git repository that the command line was
// called in: where it comes from, what is checked out, and its history as a
// bundle. It calls git, which whoever has a repository has, too, and only ever
// reads.
package worktree
