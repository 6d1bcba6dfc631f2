// SPDX-License-Identifier: MPL-2.0

// Package document reads YAML into a tree whose every node knows its line and
// column, and writes such documents.
//
// It stands between the YAML library and the config language for three reasons:
// aliases and merge keys are resolved here, so that no later stage knows of
// them; what a hostile file may cost is bounded here, before a later stage walks
// the tree; and positions survive the expansion of aliases and parameters, so
// that a mistake is shown where it was written.
//
// Nothing here knows what a job is.
package document
