// SPDX-License-Identifier: MPL-2.0

// Package gitbundle reads git bundles (gitformat-bundle(5), versions 2 and 3)
// and bare packfiles into a go-git storage, without a git binary.
//
// What it reads comes from outside. A pack is spooled into a temporary file
// and gone through once, object by object, before any of it is given to the
// storage: the library inflates each object into memory and would take the
// sizes that a pack claims at their word.
//
// The caller chooses the storage: a folder on disk keeps memory small for large
// histories, and a repository's own folder makes the bundle a checkout's source.
package gitbundle
