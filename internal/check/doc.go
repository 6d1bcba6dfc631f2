// SPDX-License-Identifier: MPL-2.0

// Package check compiles a config in the process of whoever asks: the command
// line and editors. It picks the language by the file's name, and needs a
// platform for nothing but the orbs of its registry.
package check
