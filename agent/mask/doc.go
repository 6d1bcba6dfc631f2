// SPDX-License-Identifier: MPL-2.0

// Package mask replaces secrets in output by asterisks before a byte leaves
// the agent.
//
// A Set holds the secrets of a task and compiles them, with the encodings in
// which they commonly leak (variants.go), into one automaton (automaton.go). A
// Writer runs one stream through it (scan.go): output may be cut anywhere, may
// carry escape sequences and carriage returns inside a secret, and new secrets
// may be added while it flows.
//
// What is held back. A Writer passes on every byte as soon as no secret can
// begin at or before it. Bytes at the end of what was written that are the
// beginning of a secret are held until further bytes decide, or the stream
// ends; there is no time limit, since a pause in the middle of a secret must
// not uncover its first half. So a prompt without a newline appears at once,
// but for a tail that could still become a secret (with many secrets that may
// be its last character), and a newline releases everything unless a secret
// goes on after that very line.
//
// What is masked. The union of all matches: each longest run of matched bytes
// becomes one Mark, also when matches overlap or touch. Values shorter than
// MinLength and the words true and false are not masked, as on CircleCI.
package mask
