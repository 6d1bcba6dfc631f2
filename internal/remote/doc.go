// SPDX-License-Identifier: MPL-2.0

// Package remote has a client for every interface of core. A service is handed
// these and never learns where its peers run: the transport that the caller is
// made with finds a healthy instance (internal/resolve).
//
// A client adds nothing but the road: errors come back with the code that the
// other side gave them, and nothing is retried here, because who retries is the
// loop that owns the row.
package remote
