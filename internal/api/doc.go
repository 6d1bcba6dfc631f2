// SPDX-License-Identifier: MPL-2.0

// Package api holds the JSON shapes of the public HTTP API: what the gateway
// answers and internal/client reads. Shapes under /api/v2 and /api/v1.1 are
// CircleCI's, field by field; what is ours alone stands in fields and types
// that say so.
//
// The OpenAPI document is made from these types: a field without omitempty is
// required, a pointer without it may be null, and the tags format, enum and doc
// fill in what a Go type cannot say.
package api
