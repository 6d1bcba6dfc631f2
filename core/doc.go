// SPDX-License-Identifier: MPL-2.0

// Package core holds Muster's nouns: the types that every service speaks and
// the small interfaces through which services ask one another.
//
// One file is one noun. There is no I/O here and nothing is imported but the
// standard library, so that reading this folder teaches the vocabulary and
// nothing else. An interface in this package has two implementations: the
// service that owns the noun, and a client of it in internal/remote.
//
// Every method that changes something takes an id chosen by the caller and may
// be called twice with it (law 2 in the design): the second call changes
// nothing and says what the first one said.
package core
