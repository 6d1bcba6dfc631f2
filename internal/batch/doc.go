// SPDX-License-Identifier: MPL-2.0

// Package batch holds what loops over many rows have in common: one statement
// that changes many rows, each in its own way, and hand-overs in which one bad
// row does not hold up its neighbours.
package batch
