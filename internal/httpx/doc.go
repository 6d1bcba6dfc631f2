// SPDX-License-Identifier: MPL-2.0

// Package httpx is how services speak HTTP: the table of codes and statuses,
// handlers made from plain methods, the checks in front of them, and servers
// that stop gracefully.
//
// Between services every method of a core interface is one route, POST
// /<service>/v1/<method-in-kebab-case> with the argument as JSON body and the
// result as JSON answer; internal/remote is the other side.
package httpx
