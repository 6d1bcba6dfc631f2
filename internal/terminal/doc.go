// SPDX-License-Identifier: MPL-2.0

// Package terminal shows pipelines to people: tables, colours where they are
// wanted, and the output of a running pipeline as it comes, made harmless for
// the terminal that it lands in.
package terminal
