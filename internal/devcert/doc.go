// SPDX-License-Identifier: MPL-2.0

// Package devcert makes certificates for a server on the machine of a developer,
// which programs trust that are given the file of its authority. The authority's
// key is thrown away once it has signed: nobody can make another certificate
// with it.
package devcert
