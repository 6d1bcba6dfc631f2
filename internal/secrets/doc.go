// SPDX-License-Identifier: MPL-2.0

// Package secrets seals values before they reach a table, signs, and keeps the
// few values that operators set by hand.
//
// On a cluster Vault does all of it: its transit engine encrypts and signs, so
// that no key ever leaves it, and its KV version 2 engine stores. Embedded,
// Keyset does so with Tink and files.
//
// A sealed text names the key version that made it: after a rotation old texts
// still open. The context of a value (for example "project variable, project id,
// name") is bound into it, so that a sealed text copied to another row does not
// open there.
package secrets
