// SPDX-License-Identifier: MPL-2.0

// Package registry knows how images are fetched: through which mirror, and
// with which login. A login is made when an attempt is submitted, out of the
// project's variables or of a token that Amazon or Google gives for a while; it
// goes to the cluster in memory, and into no row and no job.
//
// An Inspector asks registries what an image is: its digest, size and config.
// Nomad's clients do not tell that.
//
// It is used by placements, which makes logins, and by the clusters, which use
// them.
package registry
