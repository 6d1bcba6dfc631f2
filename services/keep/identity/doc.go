// SPDX-License-Identifier: MPL-2.0

// Package identity knows users and their personal tokens (core.Identity).
//
// It owns the tables users, tokens and milestones. The gateway asks it who a
// request comes from; no other service does, and it asks nobody.
//
// A token's value is 40 random characters behind a prefix, about 238 bits, and
// only its SHA-256 is stored. A slow password hash would add nothing: it
// protects what can be guessed, and no amount of guessing reaches a value like
// that. The prefix lets secret scanners recognize a leaked token.
//
// At the very first start it makes the first administrator, see Bootstrap.
package identity
