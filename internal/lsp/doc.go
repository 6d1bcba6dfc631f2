// SPDX-License-Identifier: MPL-2.0

// Package lsp serves the Language Server Protocol on a pair of streams: editors
// get the mistakes of a config while it is written, what a word means, what can
// stand at a place, and where a name is defined. It speaks of both languages,
// which it tells apart by the name of the file.
//
//	server.go     the messages and the life of a session
//	frame.go      messages on the stream, bounded
//	store.go      the open texts
//	diagnose.go   text -> mistakes, a moment after the last change
//	position.go   columns of the editor <-> columns of the compiler
//	place.go      what stands under the cursor of a YAML text
//	reference.go  the name under the cursor -> its definition
//	hover.go      what the word under the cursor means
//	complete.go   what can be written at the cursor
//	shelf.go      the orbs of the registry, as compilations got them
//	hcl*.go       the same for pipelines in HCL
//	words.go      the words that only HCL has
package lsp
