// SPDX-License-Identifier: MPL-2.0

// Package identity knows users, their personal tokens (core.Identity) and SSH
// keys (core.SSHKeys), and has the tokens signed by which jobs prove to others
// what they are (core.JobTokenIssuer, core.SigningKeys). It holds no key itself.
//
// It owns the tables users, tokens, milestones, ssh_keys, signing_keys and
// token_claims. The gateway and output ask it who a request comes from,
// placements for the keys of who may log in to a job, output and placements for
// tokens of jobs; it asks nobody.
//
// A token's value is 40 random characters behind a prefix, about 238 bits, and
// only its SHA-256 is stored. A slow password hash would add nothing: it
// protects what can be guessed, and no amount of guessing reaches a value like
// that. The prefix lets secret scanners recognize a leaked token.
//
// At the very first start it makes the first administrator, see Bootstrap.
package identity
