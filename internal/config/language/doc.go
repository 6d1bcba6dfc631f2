// SPDX-License-Identifier: MPL-2.0

// Package language describes the config language to programs that help people
// write it: which keys stand where, what each means, and which kind of value it
// takes. Which keys exist is what the compiler says (config.Mappings); a test
// holds the two together. The JSON schema is written from it.
package language
