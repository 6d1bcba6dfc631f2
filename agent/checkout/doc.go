// SPDX-License-Identifier: MPL-2.0

// Package checkout brings the source of a task into a folder: with the image's
// git where there is one (git.go), else with go-git (native.go), which knows
// no blobless clones and no submodule or filter extensions.
//
// The source is a URL, a path on this machine (the embedded platform), or a
// bundle that the output service hands out. A folder that holds a repository
// already is fetched into; one that holds anything else is refused.
package checkout
