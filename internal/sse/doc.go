// SPDX-License-Identifier: MPL-2.0

// Package sse writes and reads server-sent events (text/event-stream of the
// HTML standard), and carries the output of a step in them.
//
// Writer and Reader know nothing of Muster. CopyOutput and Output are the one
// form in which output travels to browsers and to the command line, whoever
// serves it:
//
//	id: 4711                                  where to resume: the offset behind these bytes
//	event: output
//	data: {"offset":4700,"text":"hello\nworld"}
//
//	event: output                             bytes that are no UTF-8
//	data: {"offset":4711,"base64":"/w=="}
//
//	event: end                                the step has ended, nothing follows
//	data: {"offset":4712}
//
//	: beat                                    a comment, so that proxies keep the connection
//
// A client that lost its connection sends the last id as Last-Event-ID and gets
// the bytes from there on; every number between 0 and the length is an id.
package sse
