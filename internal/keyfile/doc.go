// SPDX-License-Identifier: MPL-2.0

// Package keyfile keeps a random key in a file that only its owner can read.
//
// The embedded seams (secrets, workload identity, the file object store) make
// their own keys on the first start. Several processes may start at once on the
// same folder; they all end up with the same key.
package keyfile
